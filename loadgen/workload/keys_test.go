package workload

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseKeys(t *testing.T) {
	for s, want := range map[string]string{
		"uniform:10": "uniform:10", "zipf: 1000 , 1.10": "zipf:1000,1.1", "zipf:1,0": "zipf:1,0", "uniform:1000000": "uniform:1000000",
	} {
		if k, err := ParseKeys(s); err != nil || k.String() != want {
			t.Errorf("%q: got %q, %v", s, k, err)
		}
	}
	for s, want := range map[string]string{
		"": "want one of uniform:NUMBER", "10": "want one of", "uniform": "number is missing", "uniform:0": "1 to 1000000", "uniform:1000001": "1 to 1000000",
		"zipf:10": "exponent is missing", "zipf:10,5": "0 to 4", "zipf:10,NaN": "0 to 4", "zipf:10,1,1": "takes 2 arguments", "zipf:x,1": "whole number",
	} {
		if k, err := ParseKeys(s); err == nil || !strings.Contains(err.Error(), want) || k.Len() != 0 {
			t.Errorf("%q: got %v, %v; want %q", s, k, err, want)
		}
	}
}

// TestKeysAreDrawn generates jobs with keys and without: keys come as often as they should, and nothing else of the
// workload changes.
func TestKeysAreDrawn(t *testing.T) {
	spec := Spec{Rate: 100, Seed: 7}
	for _, set := range []error{
		spec.Tasks.UnmarshalText([]byte("10")), spec.Service.UnmarshalText([]byte("exp:10ms")), spec.Arrival.UnmarshalText([]byte("poisson")),
	} {
		if set != nil {
			t.Fatal(set)
		}
	}
	const jobs, keys = 20_000, 100
	for form, weight := range map[string]func(k float64) float64{
		"uniform:100": func(float64) float64 { return 1 }, "zipf:100,1.1": func(k float64) float64 { return math.Pow(k, -1.1) },
		"zipf:100,0": func(float64) float64 { return 1 },
	} {
		plain, err := Generate(spec, Window{Jobs: jobs})
		if err != nil {
			t.Fatal(err)
		}
		keyed := spec
		if err := keyed.Keys.UnmarshalText([]byte(form)); err != nil {
			t.Fatal(err)
		}
		with, err := Generate(keyed, Window{Jobs: jobs})
		if err != nil {
			t.Fatal(err)
		}
		var a, b Job
		var count [keys + 1]float64
		for plain.Next(&a) && with.Next(&b) {
			if len(a.Keys) != 0 || len(b.Keys) != len(b.Service) || a.At != b.At || !slices.Equal(a.Service, b.Service) {
				t.Fatalf("%s: with keys %v, without %v", form, b, a)
			}
			for _, k := range b.Keys {
				count[k]++
			}
		}
		sum := 0.0
		for k := 1; k <= keys; k++ {
			sum += weight(float64(k))
		}
		for k := 1; k <= keys; k++ {
			if want := 10 * jobs * weight(float64(k)) / sum; math.Abs(count[k]-want) > 5*math.Sqrt(want) {
				t.Errorf("%s: key %d comes %.0f times, want about %.0f", form, k, count[k], want)
			}
		}
	}
}

func TestCache(t *testing.T) {
	if err := (Cache{Keys: 100, MissCost: 5}).Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Cache{{Keys: 0, MissCost: 5}, {Keys: MaxCache + 1, MissCost: 5}, {Keys: 1, MissCost: 0.5}, {Keys: 1, MissCost: math.NaN()}, {Keys: 1, MissCost: 1001}} {
		if c.Validate() == nil {
			t.Errorf("%+v is good", c)
		}
	}
	if d := (Cache{Keys: 1, MissCost: 2.5}).Miss(20 * time.Millisecond); d != 50*time.Millisecond {
		t.Errorf("a miss takes %v", d)
	}
	if d := (Cache{Keys: 1, MissCost: 1000}).Miss(MaxService); d != MaxService {
		t.Errorf("a miss takes %v", d)
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, s := range []string{"uniform:10", "zipf:1000,1.1", "zipf:1,0", "", "zipf:,", "uniform:-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKeys(s)
		if err != nil {
			return
		}
		again, err := ParseKeys(k.String())
		if err != nil || again != k {
			t.Fatalf("%q reads as %v, and that as %v, %v", s, k, again, err)
		}
		if k.Len() <= 1000 {
			r := newKeyring(k)
			for _, random := range []uint64{0, 1 << 63, math.MaxUint64} {
				if got := r.draw(random); got < 1 || int(got) > k.Len() {
					t.Fatalf("%v draws %d", k, got)
				}
			}
		}
	})
}
