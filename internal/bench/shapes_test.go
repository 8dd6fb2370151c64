package main

import (
	"slices"
	"strings"
	"testing"
)

func TestShapes(t *testing.T) {
	got, err := parseShapes("1x8,64x1")
	if want := []shape{{1, 8}, {64, 1}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, wrong := range []string{"", "8", "1x", "x8", "0x8", "1x0", "-1x8", "1x8x2", "1x8 ", "1x8,", "1x99999", "axb"} {
		if got, err := parseShapes(wrong); err == nil || !strings.Contains(err.Error(), "WORKERSxSLOTS") {
			t.Errorf("%q: %v, %v; want an error that says the form", wrong, got, err)
		}
	}
}
