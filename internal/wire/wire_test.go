package wire_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/internal/wire"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "n")
		d := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "d"))
		text := rapid.String().Draw(t, "text")
		raw := rapid.SliceOf(rapid.Byte()).Draw(t, "raw")
		small, large := rapid.Int16().Draw(t, "small"), rapid.Int32().Draw(t, "large")
		var id [16]byte
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))

		b := wire.AppendUint(nil, n)
		b = wire.AppendDuration(b, d)
		b = wire.AppendInt(wire.AppendInt(b, int64(small)), int64(large))
		b = append(b, id[:]...)
		b = wire.AppendString(b, text)
		b = wire.AppendBytes(b, raw)
		b = append(b, "rest"...)

		r := wire.NewReader(b)
		var gotID [16]byte
		gotN, gotD, gotSmall, gotLarge := r.Uint64(), r.Duration(), r.Int16(), r.Int32()
		r.Fixed(gotID[:])
		gotText, gotRaw := r.String(len(text)), r.Bytes(len(raw))
		if gotN != n || gotD != d || gotSmall != small || gotLarge != large || gotID != id || gotText != text || string(gotRaw) != string(raw) || string(r.Rest()) != "rest" {
			t.Fatalf("got %d %v %d %d %x %q %x", gotN, gotD, gotSmall, gotLarge, gotID, gotText, gotRaw)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFaultsStick(t *testing.T) {
	for name, read := range map[string]func(r *wire.Reader){
		"truncated varint": func(r *wire.Reader) { r.Bytes(3); r.Uint64(); r.Uint64() },
		"over the limit":   func(r *wire.Reader) { r.Uint(2) },
		"long bytes":       func(r *wire.Reader) { r.Bytes(2) },
		"fixed":            func(r *wire.Reader) { r.Fixed(make([]byte, 9)) },
		"left over":        func(r *wire.Reader) { r.Uint64() },
	} {
		t.Run(name, func(t *testing.T) {
			r := wire.NewReader([]byte{3, 1, 2, 3})
			read(&r)
			if err := r.Close(); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("got %v", err)
			}
			if name != "left over" && (r.Uint64() != 0 || r.Bytes(9) != nil || r.Len() != 0) {
				t.Fatal("a faulty reader went on reading")
			}
		})
	}
}

func TestNegativeDurationIsZero(t *testing.T) {
	r := wire.NewReader(wire.AppendDuration(nil, -time.Second))
	if d := r.Duration(); d != 0 || r.Close() != nil {
		t.Fatalf("got %v", d)
	}
}
