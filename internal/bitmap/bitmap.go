// Package bitmap reads and writes sets of a job's tasks, as specs and messages carry them: task i is bit i%8 of byte
// i/8. What a bitmap has no byte for is not in the set.
package bitmap

// Has reports whether task i is in a set.
func Has[I int | uint32](set []byte, i I) bool {
	return int(i/8) < len(set) && set[i/8]&(1<<(i%8)) != 0
}

// Add puts task i into a set that has a byte for it.
func Add[I int | uint32](set []byte, i I) { set[i/8] |= 1 << (i % 8) }

// Covers reports whether all that are in one set are in another too.
func Covers(all, some []byte) bool {
	for i, b := range some {
		if i < len(all) {
			b &^= all[i]
		}
		if b != 0 {
			return false
		}
	}
	return true
}
