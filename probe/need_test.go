package probe_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/internal/wire"
	"dunnock/probe"
	"dunnock/task"
)

func TestNeedReserveRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := probe.Reserve{Ref: probe.Ref(rapid.Uint64().Draw(t, "ref")), Res: rapid.Uint32().Draw(t, "res"), Count: rapid.Uint32Range(1, 9).Draw(t, "count")}
		class := probe.Class{User: []byte("org/ann"), Priority: int16(rapid.IntRange(task.MinPriority, task.MaxPriority).Draw(t, "priority")), Deadline: time.Second, Work: time.Minute}
		need := probe.Need{Slots: rapid.Uint16Range(1, probe.MaxSlots).Draw(t, "slots")}
		for i := range rapid.IntRange(0, probe.MaxResources).Draw(t, "resources") {
			need.Resources[i] = rapid.Uint32().Draw(t, "amount")
		}
		body := probe.AppendNeedReserve(nil, m, &class, &need)
		var gotClass probe.Class
		var gotNeed probe.Need
		if got, err := probe.DecodeNeedReserve(body, &gotClass, &gotNeed); err != nil || got != m || gotNeed != need || !reflect.DeepEqual(gotClass, class) {
			t.Fatalf("got %+v %+v %+v, %v; want %+v %+v %+v", got, gotClass, gotNeed, err, m, class, need)
		}
		full := need
		full.Resources[probe.MaxResources-1] = 1
		if body = append(probe.AppendNeedReserve(nil, m, &class, &full), 1); !errors.Is(decodeNeed(body), wire.ErrMalformed) {
			t.Fatal("one resource too many is taken")
		}
	})
}

func decodeNeed(body []byte) error {
	_, err := probe.DecodeNeedReserve(body, &probe.Class{}, &probe.Need{})
	return err
}

func TestNeedReserveRefuses(t *testing.T) {
	one := probe.Reserve{Ref: 1, Count: 1}
	for name, body := range map[string][]byte{
		"nothing":       nil,
		"no count":      probe.AppendNeedReserve(nil, probe.Reserve{Ref: 1}, &probe.Class{}, &probe.Need{Slots: 1}),
		"no slots":      probe.AppendNeedReserve(nil, one, &probe.Class{}, &probe.Need{}),
		"many slots":    probe.AppendNeedReserve(nil, one, &probe.Class{}, &probe.Need{Slots: probe.MaxSlots + 1}),
		"high priority": probe.AppendNeedReserve(nil, one, &probe.Class{Priority: task.MaxPriority + 1}, &probe.Need{Slots: 1}),
		"no need":       probe.AppendClassedReserve(nil, one, &probe.Class{}),
	} {
		if err := decodeNeed(body); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHelloRefusesResources(t *testing.T) {
	for name, list := range map[string][]probe.Amount{
		"out of order": {{Name: "b", N: 1}, {Name: "a", N: 1}},
		"twice":        {{Name: "a", N: 1}, {Name: "a", N: 1}},
		"no name":      {{Name: "A B", N: 1}},
		"too many":     make([]probe.Amount, probe.MaxResources+1),
	} {
		h := probe.Hello{Version: probe.Version, Role: probe.RoleWorker, Name: "w", Resources: list}
		if _, err := probe.DecodeHello(probe.AppendHello(nil, &h)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHelloRefusesWeights(t *testing.T) {
	for name, list := range map[string][]probe.Amount{
		"out of order": {{Name: "b", N: 1}, {Name: "a", N: 1}},
		"twice":        {{Name: "a", N: 1}, {Name: "a", N: 1}},
		"no path":      {{N: 1}},
		"of nothing":   {{Name: "a"}},
		"too large":    {{Name: "a", N: probe.MaxWeight + 1}},
		"too long":     {{Name: strings.Repeat("a", task.MaxUserLen+1), N: 1}},
		"too many":     make([]probe.Amount, probe.MaxWeights+1),
	} {
		h := probe.Hello{Version: probe.Version, Role: probe.RoleWorker, Name: "w", Weights: list}
		if _, err := probe.DecodeHello(probe.AppendHello(nil, &h)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlain(t *testing.T) {
	for _, n := range []probe.Need{{}, {Slots: 1}} {
		if !n.Plain() {
			t.Errorf("%+v is not plain", n)
		}
	}
	for _, n := range []probe.Need{{Slots: 2}, {Resources: [probe.MaxResources]uint32{7: 1}}} {
		if n.Plain() {
			t.Errorf("%+v is plain", n)
		}
	}
}
