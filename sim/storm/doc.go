// Package storm breaks whole fleets in virtual time, from a seed, and demands that they keep their promises.
package storm
