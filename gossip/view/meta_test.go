package view_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dunnock/gossip/view"
	"dunnock/internal/wire"
	"dunnock/probe"
)

func worker() view.Member {
	return view.Member{
		Name: "w1", Incarnation: 7, Role: probe.RoleWorker, Addr: "127.0.0.1:7171", GossipAddr: "127.0.0.1:7947", Slots: 4,
		Labels: []probe.Label{{Key: "rack", Value: "r7"}, {Key: "ssd", Value: "true"}}, Zone: "a", State: view.Active, Version: probe.Version,
	}
}

// genMember draws members that may announce themselves; some of them are too
// large to.
func genMember() *rapid.Generator[view.Member] {
	addr := rapid.SampledFrom([]string{"127.0.0.1:7171", "[::1]:1", "worker-3.example.org:65535", "h_1:80"})
	name := rapid.StringMatching(`[a-z0-9.-]{1,63}`)
	label := rapid.Custom(func(t *rapid.T) probe.Label {
		return probe.Label{
			Key:   rapid.StringMatching(`[a-z0-9._-]{1,20}`).Draw(t, "key"),
			Value: rapid.StringMatching(`[ -~é]{0,20}`).Draw(t, "value"),
		}
	})
	return rapid.Custom(func(t *rapid.T) view.Member {
		m := view.Member{
			Name:        name.Draw(t, "name"),
			Incarnation: probe.Incarnation(rapid.Uint64Min(1).Draw(t, "incarnation")),
			Role:        rapid.SampledFrom([]probe.Role{probe.RoleScheduler, probe.RoleWorker}).Draw(t, "role"),
			Addr:        addr.Draw(t, "addr"),
			GossipAddr:  "127.0.0.1:1",
			Labels:      rapid.SliceOfNDistinct(label, 0, 6, func(l probe.Label) string { return l.Key }).Draw(t, "labels"),
			Zone:        rapid.StringMatching(`[a-z]{0,10}`).Draw(t, "zone"),
			State:       rapid.SampledFrom([]view.State{view.Active, view.Draining, view.Joining}).Draw(t, "state"),
			Version:     rapid.Uint32Min(1).Draw(t, "version"),
		}
		if m.Role == probe.RoleWorker {
			m.Slots = rapid.IntRange(1, probe.MaxSlots).Draw(t, "slots")
		}
		slices.SortFunc(m.Labels, func(a, b probe.Label) int { return strings.Compare(a.Key, b.Key) })
		if len(m.Labels) == 0 {
			m.Labels = nil
		}
		return m
	})
}

func TestMetaRoundTrip(t *testing.T) {
	fit := 0
	rapid.Check(t, func(t *rapid.T) {
		m := genMember().Draw(t, "member")
		if faults := m.Faults(); faults != nil {
			t.Fatalf("drew a member with faults: %v", faults)
		}
		meta, err := view.EncodeMeta(&m)
		if err != nil {
			if !strings.Contains(err.Error(), "shorten the labels") {
				t.Fatalf("a member without faults is refused: %v", err)
			}
			return
		}
		fit++
		if len(meta) > view.MaxMeta {
			t.Fatalf("%d bytes of metadata", len(meta))
		}
		got, err := view.Decode(view.Identity(m.Key(), m.Incarnation), m.GossipAddr, meta)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if !got.Equal(&m) {
			t.Fatalf("round trip: %s", cmp.Diff(m, got))
		}
	})
	if fit == 0 {
		t.Fatal("no member that was drawn fits")
	}
}

func TestMetaTooLargeNamesTheLabels(t *testing.T) {
	m := worker()
	m.Labels = []probe.Label{{Key: "gpu", Value: strings.Repeat("x", 63)}, {Key: "rack", Value: strings.Repeat("y", 63)}, {Key: "row", Value: strings.Repeat("z", 63)}}
	_, err := view.EncodeMeta(&m)
	if err == nil {
		t.Fatal("over 200 bytes of metadata were taken")
	}
	for _, want := range []string{"at most 200 fit", "gpu=xxx", "rack=yyy", "row=zzz"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestFaultsNameEveryField(t *testing.T) {
	if faults := (&view.Member{}).Faults(); len(faults) != 6 {
		t.Errorf("the empty member has %d faults: %q", len(faults), faults)
	}
	for field, breakIt := range map[string]func(*view.Member){
		"name":         func(m *view.Member) { m.Name = "W1" },
		"incarnation":  func(m *view.Member) { m.Incarnation = 0 },
		"http address": func(m *view.Member) { m.Addr = "7171" },
		"slots":        func(m *view.Member) { m.Slots = 0 },
		"role":         func(m *view.Member) { m.Role = probe.RoleClient },
		"labels":       func(m *view.Member) { m.Labels = []probe.Label{{Key: "b"}, {Key: "a"}} },
		"zone":         func(m *view.Member) { m.Zone = "a\x1b[2J" },
		"state":        func(m *view.Member) { m.State = 9 },
		"version":      func(m *view.Member) { m.Version = 0 },
	} {
		m := worker()
		breakIt(&m)
		faults := m.Faults()
		if len(faults) != 1 || !strings.HasPrefix(faults[0], field+":") {
			t.Errorf("%s: faults %q", field, faults)
		}
		if _, err := view.EncodeMeta(&m); err == nil {
			t.Errorf("%s: encoded all the same", field)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	m := worker()
	good, err := view.EncodeMeta(&m)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(at int, b ...byte) []byte { return slices.Concat(good[:at], b, good[at+1:]) }
	for name, bad := range map[string][]byte{
		"empty":              nil,
		"another format":     edit(0, 2),
		"version 0":          edit(1, 0),
		"state 0":            edit(2, 0),
		"state 4":            edit(2, 4),
		"too many slots":     edit(3, 0x81, 0x20),
		"a long varint":      edit(3, 0x84, 0x00),
		"truncated":          good[:len(good)-1],
		"bytes left over":    append(slices.Clone(good), 0),
		"a control byte":     slices.Concat(good[:len(good)-1], []byte{7}),
		"an address by name": edit(5, ' '),
		"oversized":          append(slices.Clone(good), make([]byte, 200)...),
	} {
		if got, err := view.DecodeMeta(bad); err != wire.ErrMalformed { //nolint:errorlint // it is returned as it is
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := view.Decode("scheduler/w1#0000000000000007", "127.0.0.1:1", good); err == nil {
		t.Error("a scheduler with slots was taken")
	}
}

func TestIdentityIsStrict(t *testing.T) {
	k := view.Key{Role: probe.RoleWorker, Name: "w1"}
	id := view.Identity(k, 0x192f3a4b5c6d7e8)
	if id != "worker/w1#0192f3a4b5c6d7e8" {
		t.Fatalf("identity %q", id)
	}
	if got, i, err := view.ParseIdentity(id); got != k || i != 0x192f3a4b5c6d7e8 || err != nil {
		t.Fatalf("parsed %v, %x, %v", got, i, err)
	}
	for _, bad := range []string{
		"", "w1", "worker/w1", "worker/w1#", "worker/w1#192f3a4b5c6d7e8", "worker/w1#0192F3A4B5C6D7E8", "worker/w1#0000000000000000",
		"worker/#0192f3a4b5c6d7e8", "worker/W1#0192f3a4b5c6d7e8", "client/w1#0192f3a4b5c6d7e8", "w1#0192f3a4b5c6d7e8",
		"worker/w1#0192f3a4b5c6d7e8#", "worker/w1#+192f3a4b5c6d7e8", "worker/w1#0192f3a4b5c6d7e80",
	} {
		if k, i, err := view.ParseIdentity(bad); err == nil {
			t.Errorf("%q was taken for %v, %x", bad, k, i)
		}
	}
}

func FuzzDecodeMeta(f *testing.F) {
	m := worker()
	good, err := view.EncodeMeta(&m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("worker/w1#0000000000000007", good)
	f.Add("scheduler/s1#0000000000000007", []byte{1, 1, 1, 0, 3, 'a', ':', '1', 0, 0})
	f.Fuzz(func(t *testing.T, identity string, meta []byte) {
		m, err := view.Decode(identity, "127.0.0.1:1", meta)
		if err != nil {
			return
		}
		if faults := m.Faults(); faults != nil {
			t.Fatalf("decoded a member that could not announce itself: %v", faults)
		}
		again, err := view.EncodeMeta(&m)
		if err != nil || string(again) != string(meta) || view.Identity(m.Key(), m.Incarnation) != identity {
			t.Fatalf("%q %q decodes to %+v, which encodes to %q, %v", identity, meta, m, again, err)
		}
	})
}
