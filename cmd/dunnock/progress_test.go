package main

import "testing"

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		line    string
		columns int
		want    string
	}{
		{"12 of 20", 80, "12 of 20"},
		{"12 of 20", 9, "12 of 20"},
		{"12 of 20", 8, "12 of …"},
		{"p50 3 µs, p99 4 µs", 10, "p50 3 µs…"},
		{"long", 1, "…"},
	} {
		if got := fit(tt.line, tt.columns); got != tt.want {
			t.Errorf("%q in %d columns: %q, want %q", tt.line, tt.columns, got, tt.want)
		}
	}
}
