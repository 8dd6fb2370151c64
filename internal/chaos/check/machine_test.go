package check_test

import (
	"testing"
	"time"

	"dunnock/internal/chaos/check"
	"dunnock/internal/chaos/ledger"
)

// A machine is busy when handlers sleep too long, or processes stand still that nobody stopped; not for one late
// handler, nor for too few to tell.
func TestMachine(t *testing.T) {
	ends := func(from, to, every int64, excess time.Duration) (records []ledger.Record) {
		for at := from; at < to; at += every {
			records = append(records, ledger.Record{At: at * ms, Event: ledger.Finish, Result: ledger.OK, Nanos: int64(excess)})
		}
		return records
	}
	quiet, slow := 200*time.Microsecond, 5*time.Millisecond
	for _, tt := range []struct {
		name     string
		of       []ledger.Record
		from, to int64
		want     bool
	}{
		{"quiet", ends(0, 10_000, 10, quiet), 1000, 9000, false},
		{"slow", ends(0, 10_000, 10, slow), 1000, 1001, true},
		{"slow for a second of ten", append(ends(0, 4000, 10, quiet), ends(4000, 5000, 10, slow)...), 100, 9000, true},
		{"slow before and after", append(append(ends(0, 1000, 10, slow), ends(1200, 3000, 10, quiet)...), ends(3200, 4000, 10, slow)...), 1300, 2900, false},
		{"one late", append(ends(0, 10_000, 10, quiet), ends(5000, 5001, 1, 100*time.Millisecond)...), 4000, 6000, false},
		{"too few", ends(1000, 1004, 1, slow), 1000, 2000, false},
		{"cut off", []ledger.Record{{At: 1000 * ms, Event: ledger.Finish, Result: ledger.Cut, Nanos: int64(time.Minute)}}, 0, 2000, false},
		{"a process stood still", []ledger.Record{{At: 1500 * ms, Event: ledger.Stall, Nanos: 600 * ms}}, 1400, 1450, true},
	} {
		if got := check.NewMachine(tt.of).Busy(tt.from*ms, tt.to*ms); got != tt.want {
			t.Errorf("%s: busy %t", tt.name, got)
		}
	}
}

// Why finished tasks were done again: whose results could not come, whose went into a connection that a fault took, and
// those without a reason.
func TestRedone(t *testing.T) {
	twice := func(b *books) *books {
		return b.second().run(0, 1, "w1", 3, 10, ledger.OK).run(0, 2, "w2", 600, 610, ledger.OK).ok(0, "w2", 600, 620).done(621)
	}
	plain := func(r *ledger.Record) { r.Plain = true }
	for _, tt := range []struct {
		name string
		of   *books
		want check.Redone
	}{
		{"the worker was killed", twice(newBooks().job(nil)).fault(9, 500, ledger.Record{Kind: "kill", Nodes: []string{"w1"}}), check.Redone{All: 1, Apart: 1}},
		{"the worker was cut off", twice(newBooks().job(nil)).fault(9, 500, ledger.Record{Kind: "cut", Pairs: [][2]string{{"s1", "w1"}}}), check.Redone{All: 1, Apart: 1}},
		{"from another scheduler", twice(newBooks().job(nil)).fault(9, 500, ledger.Record{Kind: "cut", Pairs: [][2]string{{"s2", "w1"}}}), check.Redone{All: 1}},
		{"the scheduler was killed", twice(newBooks().job(nil)).fault(9, 500, ledger.Record{Kind: "kill", Nodes: []string{"s1"}}), check.Redone{All: 1}},
		{"the same over HTTP", twice(newBooks().job(plain)).fault(9, 500, ledger.Record{Kind: "kill", Nodes: []string{"s1"}}), check.Redone{All: 1, Plain: 1}},
		{"over HTTP without a fault", twice(newBooks().job(plain)), check.Redone{All: 1}},
	} {
		if v := tt.of.check(); v.Redone != tt.want || v.Redone.Idle() != tt.want.All-tt.want.Apart-tt.want.Plain-tt.want.Busy {
			t.Errorf("%s: %+v", tt.name, v.Redone)
		}
	}
}
