package client

import (
	"fmt"
	"strings"
	"testing"

	"dunnock/task"
)

// What is remembered of attempts in vain is bounded by their number and by their text: the oldest go. Events yields
// what is left, each before the results that came after it.
func TestRetriesAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		retries int
		text    int
		first   int // the first that is remembered
	}{
		{"few", 10, 100, 0},
		{"many", maxRetries + 5, 0, 5},
		{"long", 5 * (maxRetryBytes >> 20), 1 << 20, 4 * (maxRetryBytes >> 20)},
		{"too long", 3, maxRetryBytes + 1, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &Handle{}
			text := strings.Repeat("x", tt.text)
			for i := range tt.retries {
				h.retry(&task.Retry{Task: i, Attempt: 1, Err: &task.Error{Code: task.CodeAppFailed, Message: text[:tt.text/2], Detail: text[tt.text/2:]}})
			}
			h.taskDone(&task.Result{Task: 7, Outcome: task.OK})
			h.retry(&task.Retry{Task: 8, Attempt: 2})
			h.outcome = task.OK
			var got, want []string
			for e := range h.Events() {
				switch {
				case e.Retry != nil:
					got = append(got, fmt.Sprint("retry ", e.Retry.Task))
				default:
					got = append(got, fmt.Sprint("result ", e.Result.Task))
				}
			}
			for i := tt.first; i < tt.retries; i++ {
				want = append(want, fmt.Sprint("retry ", i))
			}
			if tt.name == "many" {
				want = want[1:] // for the last one
			}
			want = append(want, "result 7", "retry 8")
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d events, want %d: %.200s, want %.200s", len(got), len(want), fmt.Sprint(got), fmt.Sprint(want))
			}
		})
	}
}

// Who reads too slowly goes on with what is remembered, and meets nothing twice.
func TestEventsOfWhoIsSlow(t *testing.T) {
	h := &Handle{}
	results, tries := 0, 0
	add := func(from, n int) {
		for i := range n {
			h.retry(&task.Retry{Task: from + i})
		}
	}
	add(0, 3)
	for want := range 2 {
		if e, ok := h.event(&results, &tries); !ok || e.Retry.Task != want {
			t.Fatalf("%+v, %v; want %d", e, ok, want)
		}
	}
	add(3, maxRetries)
	h.taskDone(&task.Result{Task: 1, Outcome: task.OK})
	h.outcome = task.OK
	for want := range maxRetries {
		if e, ok := h.event(&results, &tries); !ok || e.Retry == nil || e.Retry.Task != want+3 {
			t.Fatalf("%+v, %v; want %d", e, ok, want+3)
		}
	}
	if e, ok := h.event(&results, &tries); !ok || e.Result == nil {
		t.Fatalf("%+v, %v; want the result", e, ok)
	}
	if e, ok := h.event(&results, &tries); ok {
		t.Fatalf("%+v after the last", e)
	}
}
