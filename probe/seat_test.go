package probe_test

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"dunnock/probe"
)

func seatsOf(name string, slots int) probe.SeatsOf {
	return probe.SeatsOf{Name: xxhash.Sum64String(name), Slots: slots}
}

// table seats n workers, w0 and so on.
func table(n, slots int) (s *probe.Seats, of []probe.SeatsOf) {
	s = &probe.Seats{}
	for i := range n {
		of = append(of, seatsOf("w"+strconv.Itoa(i), slots))
		s.Add(probe.WorkerID(i), of[i])
	}
	return s, of
}

// chosen returns the first n workers that a key meets.
func chosen(s *probe.Seats, k probe.Key, n int, out []probe.WorkerID) []probe.WorkerID {
	walk := s.Walk(k)
	for len(out) < n {
		id, ok := walk.Next()
		if !ok {
			break
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// TestSeatsAreRanks walks through tables from which workers have come and gone: a walk meets all that are there, in the
// order of their ranks, whatever was there before; and the best few that Insert keeps are its beginning.
func TestSeatsAreRanks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s probe.Seats
		here := map[probe.WorkerID]probe.SeatsOf{}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			id := probe.WorkerID(rapid.IntRange(0, 15).Draw(t, "worker"))
			if of, ok := here[id]; ok {
				s.Remove(id, of)
				delete(here, id)
				continue
			}
			// Few of them with all 64 seats would be alone in each of theirs.
			here[id] = seatsOf("w"+strconv.Itoa(int(id)), rapid.SampledFrom([]int{0, 1, 3, 64, 1000}).Draw(t, "slots"))
			s.Add(id, here[id])
		}
		k := probe.KeyOf(rapid.StringN(1, 5, 20).Draw(t, "key"))
		rank := k.Rank()
		var want []probe.WorkerID
		var best []probe.WorkerID
		var ranks []uint64
		n := rapid.IntRange(1, 20).Draw(t, "n")
		for id := range probe.WorkerID(16) {
			if here[id].Slots > 0 {
				want = append(want, id)
				best, ranks = probe.Insert(best, ranks, id, rank.Of(here[id]), n)
			}
		}
		slices.SortFunc(want, func(a, b probe.WorkerID) int { return cmp.Compare(rank.Of(here[a]), rank.Of(here[b])) })
		if got := chosen(&s, k, 16, nil); !slices.Equal(got, want) {
			t.Fatalf("met %v, want %v", got, want)
		}
		if !slices.Equal(best, want[:min(n, len(want))]) {
			t.Fatalf("kept %v of %v", best, want)
		}
	})
}

// TestSharedSeats has more workers than seats, so that most are shared: each is met once all the same, and by its rank.
func TestSharedSeats(t *testing.T) {
	s, of := table(100_000, 1)
	k := probe.KeyOf("a")
	got := chosen(s, k, 50, nil)
	best, ranks := []probe.WorkerID(nil), []uint64(nil)
	rank := k.Rank()
	for i := range of {
		best, ranks = probe.Insert(best, ranks, probe.WorkerID(i), rank.Of(of[i]), 50)
	}
	if !slices.Equal(got, best) {
		t.Errorf("met %v, want %v", got, best)
	}
	walk, met := s.Walk(k), 0
	for _, ok := walk.Next(); ok; _, ok = walk.Next() {
		met++
	}
	if met != len(of) {
		t.Errorf("met %d of %d", met, len(of))
	}
}

// TestKeysMoveOnlyWhereTheyMust takes workers out and puts others in: only the keys move that had chosen one, or choose
// one now, and those are about 1/n of all. It holds of first and of second choices.
func TestKeysMoveOnlyWhereTheyMust(t *testing.T) {
	for _, n := range []int{2, 10, 100, 1000} {
		keys := min(1000*n, 20_000)
		s, of := table(n, 4)
		before := make([][]probe.WorkerID, keys)
		for i := range before {
			before[i] = chosen(s, probe.KeyOf(strconv.Itoa(i)), 2, nil)
		}
		gone := probe.WorkerID(n / 2)
		s.Remove(gone, of[gone])
		left := 0
		for i := range before {
			now := chosen(s, probe.KeyOf(strconv.Itoa(i)), 2, nil)
			if before[i][0] == gone {
				left++
				if now[0] != before[i][1] {
					t.Fatalf("of %d: key %d moved to %d, and its second choice was %d", n, i, now[0], before[i][1])
				}
			} else if now[0] != before[i][0] {
				t.Fatalf("of %d: key %d moved from %d, which is there", n, i, before[i][0])
			}
		}
		s.Add(gone, of[gone])
		added := probe.WorkerID(n)
		s.Add(added, seatsOf("another", 4))
		came := 0
		for i := range before {
			switch now := chosen(s, probe.KeyOf(strconv.Itoa(i)), 2, nil); {
			case now[0] == added:
				came++
				if now[1] != before[i][0] {
					t.Fatalf("of %d: key %d moved to the new worker, and its second choice is not its old first", n, i)
				}
			case now[0] != before[i][0]:
				t.Fatalf("of %d: key %d moved from %d to %d for a worker that neither is", n, i, before[i][0], now[0])
			}
		}
		for _, m := range []struct {
			what string
			got  int
			want float64
		}{{"left", left, float64(keys) / float64(n)}, {"came", came, float64(keys) / float64(n+1)}} {
			// Of one key among few workers, one standard deviation by chance, and by which seats they have a sixth.
			if math.Abs(float64(m.got)-m.want) > 4*math.Sqrt(m.want)+0.67*m.want {
				t.Errorf("of %d workers: %d keys %s, want about %.0f", n, m.got, m.what, m.want)
			}
		}
	}
}

// TestKeysSpread has many keys choose: workers get keys by their slots, and pairs of first and second choices are like
// independent ones.
func TestKeysSpread(t *testing.T) {
	const n, keys = 16, 50_000
	var s probe.Seats
	for i := range n {
		s.Add(probe.WorkerID(i), seatsOf("worker-"+strconv.Itoa(i), 64))
	}
	first, pairs := [n]float64{}, [n][n]float64{}
	for i := range keys {
		c := chosen(&s, probe.KeyOf("key/"+strconv.Itoa(i)), 2, nil)
		first[c[0]]++
		pairs[c[0]][c[1]]++
	}
	for i := range first {
		// 64 seats of 1024, so that a hundredth more or less of the seats is as likely as not to be met first by
		// chance.
		if p := first[i] / keys * n; p < 0.9 || p > 1.1 {
			t.Errorf("worker %d is the first choice of %.3f times its share", i, p)
		}
		for j := range pairs[i] {
			want := first[i] * first[j] / (keys - first[i])
			// Two that share one of their seats follow each other a little more often.
			if i != j && math.Abs(pairs[i][j]-want) > 5*math.Sqrt(want)+0.2*want {
				t.Errorf("%d and then %d are chosen by %.0f keys, want about %.0f", i, j, pairs[i][j], want)
			}
		}
	}
	s.Add(n, seatsOf("small", 16))
	small := 0
	for i := range keys {
		if chosen(&s, probe.KeyOf("key/"+strconv.Itoa(i)), 1, nil)[0] == n {
			small++
		}
	}
	if p := float64(small) / keys * (n*64 + 16) / 16; p < 0.8 || p > 1.2 {
		t.Errorf("a worker of a quarter of the seats has %.2f times its share", p)
	}
}

// TestChoicesAreFixed pins who is chosen, so that schedulers of different releases agree.
func TestChoicesAreFixed(t *testing.T) {
	s, _ := table(100, 4)
	for key, want := range map[string][]probe.WorkerID{
		"lineitem/7": {70, 87, 62},
		"a":          {29, 57, 48},
	} {
		if got := chosen(s, probe.KeyOf(key), 3, nil); !slices.Equal(got, want) {
			t.Errorf("%s: chose %v, want %v", key, got, want)
		}
	}
	if probe.KeyOf("") != 0 || probe.KeyOf("a") != 0xd24ec4f1a98c6e5b {
		t.Errorf("keys are %#x and %#x", probe.KeyOf(""), probe.KeyOf("a"))
	}
}

func TestSeatsDoNotAllocate(t *testing.T) {
	s, of := table(1000, 4)
	out := make([]probe.WorkerID, 0, 2)
	if n := testing.AllocsPerRun(100, func() {
		out = chosen(s, probe.KeyOf("key"), 2, out[:0])
		s.Remove(7, of[7])
		s.Add(7, of[7])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAffinity chooses two workers for each of many keys.
func BenchmarkAffinity(b *testing.B) {
	keys := make([]string, 1<<14)
	for i := range keys {
		keys[i] = "lineitem/" + strconv.Itoa(i)
	}
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		s, of := table(n, 4)
		out, ranks := make([]probe.WorkerID, 0, 2), make([]uint64, 0, 2)
		if probe.Dense(4*n, 2) {
			b.Run("walk/"+strconv.Itoa(n), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					out = chosen(s, probe.KeyOf(keys[i%len(keys)]), 2, out[:0])
				}
			})
			continue
		}
		b.Run("rank/"+strconv.Itoa(n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				out, ranks = out[:0], ranks[:0]
				rank := probe.KeyOf(keys[i%len(keys)]).Rank()
				for id := range of {
					out, ranks = probe.Insert(out, ranks, probe.WorkerID(id), rank.Of(of[id]), 2)
				}
			}
		})
	}
}
