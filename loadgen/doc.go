// Package loadgen drives a fleet with a workload and reports what its jobs met.
package loadgen
