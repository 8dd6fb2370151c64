package lru_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dunnock/internal/lru"
)

// TestAgainstAList uses keys of a set and of a list that is in the order of use.
func TestAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(t, "most")
		set := lru.New(most)
		var list []uint64
		for _, key := range rapid.SliceOfN(rapid.Uint64Range(0, 9), 0, 60).Draw(t, "keys") {
			i := slices.Index(list, key)
			if got := set.Use(key); got != (i >= 0) {
				t.Fatalf("key %d is there: %v, list %v", key, got, list)
			}
			if i >= 0 {
				list = slices.Delete(list, i, i+1)
			}
			if list = append(list, key); len(list) > most {
				list = list[1:]
			}
			if set.Len() != len(list) {
				t.Fatalf("%d keys, want %v", set.Len(), list)
			}
		}
	})
}

func TestUseDoesNotAllocate(t *testing.T) {
	set, key := lru.New(100), uint64(0)
	for range 200 {
		set.Use(key)
		key++
	}
	if n := testing.AllocsPerRun(1000, func() {
		set.Use(key % 300)
		key += 7
	}); n > 0.1 {
		t.Errorf("%v allocations", n)
	}
}
