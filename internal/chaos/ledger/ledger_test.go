package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dunnock/internal/chaos/ledger"
)

func TestReadReturnsWhatWasAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	want := []ledger.Record{
		{At: 1, Event: ledger.Submit, Node: "c1", Life: 3, Job: "j", Tasks: 10, Once: true, MaxAttempts: 1},
		{At: 2, Event: ledger.Inject, Fault: 1, Kind: "cut", Pairs: [][2]string{{"s1", "w1"}}},
		{At: 3, Event: ledger.Outcome, Node: "c1", Life: 3, Job: "j", Task: 9, Result: ledger.OK, Proof: "w1/2/1"},
	}
	for _, r := range want { // each through a file of its own, as processes do
		w, err := ledger.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, torn, err := ledger.Read(path)
	if err != nil || torn {
		t.Fatalf("torn %t, %v", torn, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWritersShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	const writers, each = 8, 200
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			w, err := ledger.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			for i := range each {
				if err := w.Append(ledger.Record{Event: ledger.Start, Life: n, Task: i, Job: strings.Repeat("j", 32)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	records, torn, err := ledger.Read(path)
	if err != nil || torn || len(records) != writers*each {
		t.Fatalf("%d records, torn %t, %v", len(records), torn, err)
	}
	next := make([]int, writers)
	for _, r := range records {
		if r.Task != next[r.Life] {
			t.Fatalf("writer %d: line %d came where %d belongs", r.Life, r.Task, next[r.Life])
		}
		next[r.Life]++
	}
}

func TestReadTornAndBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"at":1,"event":"start"}` + "\n" + `{"at":2,"event":"fin`)
	records, torn, err := ledger.Read(path)
	if err != nil || !torn || len(records) != 1 {
		t.Errorf("a torn last line: %d records, torn %t, %v", len(records), torn, err)
	}
	write(`{"at":1,"event":"start"}` + "\n" + `{"at":2,"event":"fin` + "\n" + `{"at":3,"event":"start"}` + "\n")
	if _, _, err := ledger.Read(path); err == nil || !strings.Contains(err.Error(), "ledger:2: no record") {
		t.Errorf("a broken line in the middle: %v", err)
	}
	if _, _, err := ledger.Read(path + ".none"); err == nil {
		t.Error("a file that is not there was read")
	}
}
