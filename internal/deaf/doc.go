// Package deaf takes the machine at the other end of a connection away, for tests of what finds that out. It knows how
// on Linux.
package deaf
