package storm

import (
	"os"
	"strconv"
	"testing"
)

func TestOne(t *testing.T) {
	first, _ := strconv.ParseUint(os.Getenv("FIRST"), 10, 64)
	n, _ := strconv.ParseUint(os.Getenv("N"), 10, 64)
	bad := 0
	for s := first; s < first+n; s++ {
		var r *Result
		if os.Getenv("TRACE") != "" {
			r = Run(s, os.Stdout)
		} else {
			r = Run(s, nil)
		}
		if r.Err != nil {
			bad++
			t.Errorf("seed %d: %v", s, r.Err)
		}
		if n < 5 {
			t.Logf("%+v", r)
		}
	}
	t.Logf("%d bad", bad)
}
