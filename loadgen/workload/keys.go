package workload

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Bounds of [Keys] and a [Cache].
const (
	MaxKeys     = 1_000_000
	maxExponent = 4.0
	MaxMissCost = 1000.0
	MaxCache    = 1_000_000
)

type keysKind uint8

const (
	keysUniform keysKind = iota + 1
	keysZipf
)

const keysForms = "uniform:NUMBER, zipf:NUMBER,EXPONENT"

// Keys is a distribution of affinity keys over tasks: each task draws one of 1 to n, for itself. The zero value is
// none; [ParseKeys] makes one.
type Keys struct {
	kind     keysKind
	n        int
	exponent float64
}

// ParseKeys reads a distribution of keys:
//
//	uniform:10000     each of 10,000 keys as often as any other
//	zipf:10000,1.1    key k with a probability in proportion to 1/k to the power 1.1
func ParseKeys(s string) (Keys, error) {
	f := openForm("keys", s)
	var v Keys
	switch f.kind {
	case "uniform":
		v = Keys{kind: keysUniform, n: f.integer("number", 1, MaxKeys)}
	case "zipf":
		v = Keys{kind: keysZipf, n: f.integer("number", 1, MaxKeys), exponent: f.float("exponent", 0, maxExponent)}
	default:
		return Keys{}, f.unknown(keysForms)
	}
	if err := f.close(); err != nil {
		return Keys{}, err
	}
	return v, nil
}

// String returns the form that [ParseKeys] reads; empty for the zero value.
func (k Keys) String() string {
	switch k.kind {
	case keysUniform:
		return "uniform:" + strconv.Itoa(k.n)
	case keysZipf:
		return "zipf:" + strconv.Itoa(k.n) + "," + formatFloat(k.exponent)
	}
	return ""
}

// MarshalText is [Keys.String] for encoders.
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is [ParseKeys] for decoders and command lines.
func (k *Keys) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKeys(string(b))
	return err
}

// Len is how many keys there are; 0 for the zero value.
func (k Keys) Len() int { return k.n }

// keyring draws keys.
type keyring struct {
	of    Keys
	below []float64 // zipf: the probability of each key and those before it, times the last
}

func newKeyring(of Keys) *keyring {
	r := &keyring{of: of}
	if of.kind == keysZipf {
		r.below = make([]float64, of.n)
		sum := 0.0
		for i := range r.below {
			sum += exp(float64(-of.exponent * log(float64(i+1))))
			r.below[i] = sum
		}
	}
	return r
}

// draw returns the key for 64 random bits, from 1.
func (r *keyring) draw(random uint64) uint32 {
	if r.of.kind == keysUniform {
		return 1 + uint32(float64(uniform(random)*float64(r.of.n)))
	}
	i, _ := slices.BinarySearch(r.below, float64(uniform(random)*r.below[len(r.below)-1]))
	return 1 + uint32(min(i, len(r.below)-1))
}

// fill draws the keys of a job's tasks.
func (r *keyring) fill(keys []uint32, from stream) {
	for i := range keys {
		keys[i] = r.draw(from.at(uint64(i)))
	}
}

// KeyName is the affinity key that a number stands for.
func KeyName(key uint32) string { return "k" + strconv.FormatUint(uint64(key), 10) }

// Cache is a model of what workers keep of what keys stand for: each the keys that were used there last. A task whose
// key is there takes its service time, and another one MissCost times as long, from which on the key is there. The zero
// Cache is none.
type Cache struct {
	Keys     int     // of one worker, 1…MaxCache
	MissCost float64 // 1…MaxMissCost
}

// Validate returns what is out of bounds, or nil.
func (c Cache) Validate() error {
	switch {
	case c.Keys < 1 || c.Keys > MaxCache:
		return fmt.Errorf("cache: want 1 to %d keys, got %d", MaxCache, c.Keys)
	case !within(c.MissCost, 1, MaxMissCost):
		return fmt.Errorf("miss cost: want 1 to %g, got %g", MaxMissCost, c.MissCost)
	}
	return nil
}

// Miss is how long a task takes without what its key stands for.
func (c Cache) Miss(service time.Duration) time.Duration {
	return min(scale(service, c.MissCost), MaxService)
}
