package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Every field that encoding/json knows is known here, and no other.
func TestFieldsAreThoseOfTheirTypes(t *testing.T) {
	for s, of := range map[shape]reflect.Type{jobShape: reflect.TypeFor[received](), taskShape: reflect.TypeFor[receivedTask](), attemptsShape: reflect.TypeFor[Attempts]()} {
		var want, got []string
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, name)
		}
		for _, f := range fields[s] {
			got = append(got, f.name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || len(want) > 64 {
			t.Errorf("%v: %v, want %v", of, got, want)
		}
	}
}

// The second look costs no allocation, whatever the body holds.
func TestCheckKeysAllocatesNothing(t *testing.T) {
	body := []byte(`{"app":"echo","require":{"zone":"a","gpu":"yes"},"tasks":[` + strings.Repeat(`{"payload":"aGVkZ2U=","resources":{"cpu":1,"gpu":2}},`, 99) + `{"text":"\"a\\"}]}`)
	if n := testing.AllocsPerRun(10, func() {
		if err := checkKeys(body); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheckKeys(b *testing.B) {
	body := []byte(`{"app":"echo","user":"org/ann","deadline":"2s","tasks":[` + strings.Repeat(`{"payload":"aGVkZ2U="},`, 99) + `{"payload":"aGVkZ2U="}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := checkKeys(body); err != nil {
			b.Fatal(err)
		}
	}
}

// plainCheck is checkKeys by the tokens of encoding/json: whether each object has each key once, as it is written.
func plainCheck(dec *json.Decoder, s shape) bool {
	good := true
	start, err := dec.Token()
	if err != nil {
		return false
	}
	switch start {
	case json.Delim('['):
		for dec.More() {
			good = plainCheck(dec, s) && good
		}
		_, _ = dec.Token()
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			token, _ := dec.Token()
			key := token.(string)
			at := slices.IndexFunc(fields[s], func(f field) bool { return f.name == key })
			in := anyShape
			if at >= 0 {
				in = fields[s][at].in
			}
			good = plainCheck(dec, in) && good && !seen[key] && (at >= 0 || s == anyShape)
			seen[key] = true
		}
		_, _ = dec.Token()
	}
	return good
}

func FuzzCheckKeys(f *testing.F) {
	for _, body := range []string{
		`{"app":"echo","require":{"zone":"a","gpu":"yes"},"tasks":[{"text":"\"x\\"},{"payload":"aGk=","resources":{"a":1,"a":2}}]}`,
		` {"App":"x" , "app" : "y","epoch":1}`, `{"tasks":[{"text":"a","Text":"b"}],"attempts":[{"task":1,"task":2}]}`,
		`{"require":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","\u0069":""},"prefer":null}`, `null`, `{"app":"\\","app":"\\\""}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		r := received{Tasks: receivedTasks{limit: 100}}
		if !utf8.Valid(body) || dec.Decode(&r) != nil || dec.More() {
			return
		}
		want := plainCheck(json.NewDecoder(bytes.NewReader(body)), jobShape)
		if err := checkKeys(body); (err == nil) != want {
			t.Fatalf("%s: %v, want it to be good: %v", body, err, want)
		}
	})
}
