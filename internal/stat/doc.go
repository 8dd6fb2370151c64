// Package stat says how sure one can be of a mean, and of the difference of two, from a few repeated measurements:
// intervals of Student's t, paired or after Welch.
//
//	d := stat.Welch(before, after)
//	low, high := d.Interval(0.05) // of after − before, at 95 %
//
// It knows numbers only: what they measure, which of them belong together, and how many are too few is the caller's to
// say.
package stat
