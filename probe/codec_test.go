package probe_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dunnock/internal/wire"
	"dunnock/probe"
	"dunnock/task"
)

// codec pairs a message's encoder with its decoder, for tests over all of them.
type codec struct {
	encode func(b []byte, m any) []byte
	decode func(b []byte) (any, error)
}

func of[M any](encode func([]byte, M) []byte, decode func([]byte) (M, error)) (reflect.Type, codec) {
	return reflect.TypeFor[M](), codec{
		encode: func(b []byte, m any) []byte { return encode(b, m.(M)) },
		decode: func(b []byte) (any, error) { m, err := decode(b); return m, err },
	}
}

func byPointer[M any](encode func([]byte, *M) []byte) func([]byte, M) []byte {
	return func(b []byte, m M) []byte { return encode(b, &m) }
}

func codecs() map[reflect.Type]codec {
	all := make(map[reflect.Type]codec)
	add := func(t reflect.Type, c codec) { all[t] = c }
	add(of(probe.AppendReserve, probe.DecodeReserve))
	add(of(probe.AppendCancel, probe.DecodeCancel))
	add(of(probe.AppendGetTask, probe.DecodeGetTask))
	add(of(byPointer(probe.AppendLaunch), probe.DecodeLaunch))
	add(of(probe.AppendNoTask, probe.DecodeNoTask))
	add(of(probe.AppendComing, probe.DecodeComing))
	add(of(byPointer(probe.AppendFinished), probe.DecodeFinished))
	add(of(probe.AppendRefuse, probe.DecodeRefuse))
	add(of(probe.AppendDecline, probe.DecodeDecline))
	add(of(probe.AppendKill, probe.DecodeKill))
	add(of(probe.AppendLoad, probe.DecodeLoad))
	add(of(probe.AppendClaim, probe.DecodeClaim))
	add(of(probe.AppendAdopt, probe.DecodeAdopt))
	add(of(probe.AppendTold, probe.DecodeTold))
	add(of(probe.AppendDrain, probe.DecodeDrain))
	add(of(probe.AppendAck, probe.DecodeAck))
	add(of(probe.AppendOffer, probe.DecodeOffer))
	add(of(probe.AppendWant, probe.DecodeWant))
	add(of(probe.AppendHand, probe.DecodeHand))
	add(of(probe.AppendSpare, probe.DecodeSpare))
	add(of(byPointer(probe.AppendSetDef), probe.DecodeSetDef))
	add(of(byPointer(probe.AppendHello), probe.DecodeHello))
	return all
}

// draw makes any message of a type that a peer may send.
func draw(t *rapid.T) any {
	ref := probe.Ref(rapid.Uint64().Draw(t, "ref"))
	u32 := rapid.Uint32()
	slot, call, res := rapid.Uint16().Draw(t, "slot"), u32.Draw(t, "call"), u32.Draw(t, "res")
	body := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")
	reason := probe.Refusal(rapid.IntRange(int(probe.RefusedFull), int(probe.RefusedEarly)).Draw(t, "reason"))
	d := time.Duration(rapid.Int64Range(0, int64(task.MaxDeadline)).Draw(t, "duration"))
	switch rapid.IntRange(0, 20).Draw(t, "message") {
	case 0:
		return probe.Reserve{Ref: ref, Res: res, Count: max(call, 1)}
	case 1:
		return probe.Cancel{Ref: ref, Res: res}
	case 2:
		return probe.GetTask{Slot: slot, Call: call, Ref: ref, Res: res}
	case 3:
		m := probe.Launch{
			Slot: slot, Call: call, Ref: ref, Task: res, Attempt: slot, Epoch: call, App: slot, Deadline: d, Timeout: d / 2,
			Expect: d / 3, More: call%2 == 1, Payload: body,
		}
		copy(m.Job[:], body)
		return m
	case 4:
		return probe.NoTask{Slot: slot, Call: call}
	case 20:
		return probe.Coming{Slot: slot, Call: call}
	case 5:
		status := probe.Status(rapid.IntRange(int(probe.StatusOK), int(probe.StatusKilled)).Draw(t, "status"))
		return probe.Finished{Slot: slot, Call: call, Ref: ref, Task: res, Attempt: slot, Status: status, Service: d, Seq: uint64(ref), Body: body}
	case 6:
		return probe.Refuse{Ref: ref, Res: res, Count: call, Reason: reason}
	case 7:
		return probe.Decline{Slot: slot, Call: call, Ref: ref, Task: res, Reason: reason}
	case 8:
		return probe.Kill{Slot: slot, Call: call}
	case 9:
		return probe.Load{Busy: call, Queued: res}
	case 10:
		m := probe.Claim{Ref: max(ref, 1), Epoch: max(call, 1)}
		copy(m.Job[:], body)
		return m
	case 11:
		return probe.Adopt{Slot: slot, Call: call, Ref: ref, Task: res, Attempt: slot, Elapsed: d}
	case 12:
		return probe.Told{Ref: ref, Acked: uint64(res), Dropped: call%2 == 1}
	case 13:
		return probe.Ack{Seq: uint64(ref)}
	case 14:
		return probe.Offer{Slot: slot % probe.MaxLanes, Call: call, Ready: d, Brief: uint16(res) % 3, Renewed: uint8(ref) % (probe.MaxRenewed + 1)}
	case 15:
		return probe.Want{Set: max(call, 1), Age: d, Quota: res, Now: uint32(min(uint64(res), uint64(ref)))}
	case 16:
		return probe.Hand{Worker: probe.Incarnation(ref), Slot: slot % probe.MaxLanes, Call: call, Ready: d, Left: d / 2, Hops: max(uint8(res), 1), More: uint8(call >> 8), Brief: uint16(call) % 3}
	case 17:
		return probe.Spare{Set: max(call, 1), Lack: max(res, 1), Floor: call}
	case 18:
		return drawSetDef(t, max(call, 1))
	default:
		return drawHello(t, d)
	}
}

func drawSetDef(t *rapid.T, set uint32) probe.SetDef {
	name := rapid.StringMatching(`[a-z0-9._-]{1,63}`)
	m := probe.SetDef{
		Set: set, App: name.Draw(t, "app"), User: rapid.StringN(0, -1, task.MaxUserLen).Draw(t, "user"),
		Priority: rapid.Int16().Draw(t, "priority"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "labels") {
		m.Labels = append(m.Labels, probe.Label{Key: name.Draw(t, "key"), Value: rapid.StringN(0, 15, 63).Draw(t, "value")})
	}
	return m
}

func drawHello(t *rapid.T, lease time.Duration) probe.Hello {
	name := rapid.StringMatching(`[a-z0-9.-]{1,63}`)
	h := probe.Hello{
		Version: probe.Version, Role: probe.Role(rapid.IntRange(1, 3).Draw(t, "role")), Name: name.Draw(t, "name"),
		Incarnation: probe.Incarnation(rapid.Uint64().Draw(t, "incarnation")), Fleet: name.Draw(t, "fleet"),
		Slots: rapid.Uint16Range(0, probe.MaxSlots).Draw(t, "slots"), Draining: rapid.Bool().Draw(t, "draining"), Policy: "late-binding", Lease: lease,
		Results: rapid.Uint64().Draw(t, "results"), Discipline: rapid.SampledFrom([]string{"", "fifo", "fair", "of tomorrow"}).Draw(t, "discipline"),
	}
	for i := range rapid.IntRange(0, probe.MaxResources).Draw(t, "resources") {
		h.Resources = append(h.Resources, probe.Amount{Name: string(rune('a'+i)) + "pu", N: rapid.Uint32().Draw(t, "amount")})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "weights") {
		h.Weights = append(h.Weights, probe.Amount{Name: string(rune('a'+i)) + "/b", N: rapid.Uint32Range(1, probe.MaxWeight).Draw(t, "weight")})
	}
	h.Apps = rapid.SliceOfN(rapid.StringMatching(`[a-z0-9._-]{1,63}`), 0, 5).Draw(t, "apps")
	for range rapid.IntRange(0, 5).Draw(t, "labels") {
		h.Labels = append(h.Labels, probe.Label{Key: name.Draw(t, "key"), Value: rapid.StringN(0, 15, 63).Draw(t, "value")})
	}
	return h
}

// TestRoundTrip: what one side encodes the other decodes, and every shorter or longer body is refused
// or decodes to something else, never to a panic.
func TestRoundTrip(t *testing.T) {
	all := codecs()
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		c := all[reflect.TypeOf(m)]
		b := c.encode([]byte("kept"), m)
		if !bytes.HasPrefix(b, []byte("kept")) {
			t.Fatal("the encoder does not append")
		}
		b = b[4:]
		got, err := c.decode(b)
		if err != nil {
			t.Fatalf("%#v: %v", m, err)
		}
		same := cmp.Equal(got, m, cmp.Comparer(bytes.Equal),
			cmp.Comparer(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b) }))
		if !same {
			t.Fatalf("got %#v, want %#v", got, m)
		}
		for cut := range b {
			if _, err := c.decode(b[:cut]); err != nil && !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
	})
}

// FuzzDecoders: any bytes give a message, ErrMalformed or ErrVersion, and a message encodes to something that decodes
// to it again.
func FuzzDecoders(f *testing.F) {
	all := codecs()
	order := []any{
		probe.Reserve{Count: 1},
		probe.Cancel{},
		probe.GetTask{},
		probe.Launch{},
		probe.NoTask{},
		probe.Finished{Status: probe.StatusOK},
		probe.Refuse{Reason: probe.RefusedFull},
		probe.Decline{Reason: probe.RefusedStale},
		probe.Kill{},
		probe.Load{},
		probe.Claim{Ref: 1, Epoch: 1},
		probe.Adopt{},
		probe.Told{},
		probe.Ack{},
		probe.Offer{},
		probe.Want{Set: 1},
		probe.Hand{Hops: 1, More: probe.MaxMore},
		probe.Spare{Set: 1, Lack: 1},
		probe.SetDef{Set: 1, App: "echo", Labels: []probe.Label{{Key: "a", Value: "b"}}, User: "org/ann", Priority: -1},
		probe.Hello{Version: probe.Version, Role: probe.RoleWorker, Name: "w1", Apps: []string{"echo"}, Labels: []probe.Label{{Key: "a", Value: "b"}}},
		probe.Coming{},
	}
	for i, m := range order {
		f.Add(uint8(i), all[reflect.TypeOf(m)].encode(nil, m))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c := all[reflect.TypeOf(order[int(which)%len(order)])]
		m, err := c.decode(body)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, probe.ErrVersion) {
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		again, err := c.decode(c.encode(nil, m))
		if err != nil || !reflect.DeepEqual(normal(again), normal(m)) {
			t.Fatalf("%#v became %#v, %v", m, again, err)
		}
	})
}

// normal makes empty and nil slices equal.
func normal(m any) any {
	switch m := m.(type) {
	case probe.Launch:
		m.Payload = append([]byte{}, m.Payload...)
		return m
	case probe.Finished:
		m.Body = append([]byte{}, m.Body...)
		return m
	default:
		return m
	}
}

// A Hello of another version is told from a broken one, whatever follows its first field.
func TestHelloOfAnotherVersion(t *testing.T) {
	for _, version := range []uint64{0, 1, probe.Version + 1, math.MaxUint32} {
		for _, rest := range []string{"", "\xff", strings.Repeat("\x01", 300)} {
			_, err := probe.DecodeHello(append(wire.AppendUint(nil, version), rest...))
			want := fmt.Sprintf("ours is %d, the peer's %d", probe.Version, version)
			if !errors.Is(err, probe.ErrVersion) || !strings.Contains(err.Error(), want) {
				t.Errorf("version %d and %d bytes: %v", version, len(rest), err)
			}
		}
	}
	for _, broken := range []string{"", "\xff", strings.Repeat("\xff", 30), string(wire.AppendUint(nil, 1<<32)) + "\x01"} {
		if _, err := probe.DecodeHello([]byte(broken)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

func TestFault(t *testing.T) {
	long := bytes.Repeat([]byte("x"), probe.MaxFaultDetail+100)
	want := &task.Error{Code: task.CodeAppFailed, Message: "exit status 3", Detail: string(long) + "the end"}
	got, err := probe.DecodeFault(probe.AppendFault(nil, want))
	if err != nil {
		t.Fatal(err)
	}
	if got.Code != want.Code || got.Message != want.Message || len(got.Detail) != probe.MaxFaultDetail || got.Detail[len(got.Detail)-7:] != "the end" {
		t.Fatalf("got %v with %d bytes of detail", got, len(got.Detail))
	}
}

// The hot path's codecs allocate nothing.
func TestCodecAllocations(t *testing.T) {
	buf := make([]byte, 0, 4096)
	payload := make([]byte, 100)
	launch := probe.Launch{Slot: 3, Call: 99, Ref: 1 << 40, Task: 7, Attempt: 1, Deadline: time.Minute, Payload: payload}
	finished := probe.Finished{Slot: 3, Call: 99, Ref: 1 << 40, Task: 7, Attempt: 1, Status: probe.StatusOK, Service: time.Millisecond, Body: payload}
	for name, step := range map[string]func(){
		"Reserve": func() {
			_, _ = probe.DecodeReserve(probe.AppendReserve(buf, probe.Reserve{Ref: 1 << 40, Res: 2, Count: 3}))
		},
		"Cancel":   func() { _, _ = probe.DecodeCancel(probe.AppendCancel(buf, probe.Cancel{Ref: 1 << 40, Res: 2})) },
		"GetTask":  func() { _, _ = probe.DecodeGetTask(probe.AppendGetTask(buf, probe.GetTask{Slot: 1, Call: 2, Ref: 3})) },
		"Launch":   func() { _, _ = probe.DecodeLaunch(probe.AppendLaunch(buf, &launch)) },
		"NoTask":   func() { _, _ = probe.DecodeNoTask(probe.AppendNoTask(buf, probe.NoTask{Slot: 1, Call: 2})) },
		"Finished": func() { _, _ = probe.DecodeFinished(probe.AppendFinished(buf, &finished)) },
		"Offer":    func() { _, _ = probe.DecodeOffer(probe.AppendOffer(buf, probe.Offer{Slot: 1, Call: 2, Ready: 3})) },
		"Want":     func() { _, _ = probe.DecodeWant(probe.AppendWant(buf, probe.Want{Set: 1, Age: 2, Quota: 3, Now: 3})) },
		"Hand": func() {
			_, _ = probe.DecodeHand(probe.AppendHand(buf, probe.Hand{Worker: 1 << 40, Slot: 1, Call: 2, Hops: 3, More: 4}))
		},
		"Spare": func() { _, _ = probe.DecodeSpare(probe.AppendSpare(buf, probe.Spare{Set: 1, Lack: 2, Floor: 3})) },
	} {
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func BenchmarkLaunch(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 4096)
	m := probe.Launch{Slot: 3, Call: 99, Ref: 1 << 40, Task: 7, Attempt: 1, Deadline: time.Minute, Payload: make([]byte, 100)}
	for b.Loop() {
		buf = probe.AppendLaunch(buf[:0], &m)
		if _, err := probe.DecodeLaunch(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetTask(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = probe.AppendGetTask(buf[:0], probe.GetTask{Slot: 3, Call: 99, Ref: 1 << 40, Res: 2})
		if _, err := probe.DecodeGetTask(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// A hand says the most that it can of what its giver has left.
func TestHandOfMost(t *testing.T) {
	want := probe.Hand{Worker: 1, Hops: 1, More: probe.MaxMore}
	if got, err := probe.DecodeHand(probe.AppendHand(nil, want)); err != nil || got != want {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
}

// What no scheduler or worker that is sound can say ends the connection.
func TestOffersOutOfRange(t *testing.T) {
	for name, decode := range map[string]func() error{
		"an offer of a lane beyond all slots": func() error {
			_, err := probe.DecodeOffer(probe.AppendOffer(nil, probe.Offer{Slot: probe.MaxLanes}))
			return err
		},
		"more at once than in all": func() error {
			_, err := probe.DecodeWant(probe.AppendWant(nil, probe.Want{Set: 1, Quota: 1, Now: 2}))
			return err
		},
		"a want of no set": func() error {
			_, err := probe.DecodeWant(probe.AppendWant(nil, probe.Want{Quota: 1}))
			return err
		},
		"an offer handed on that was never handed on": func() error {
			_, err := probe.DecodeHand(probe.AppendHand(nil, probe.Hand{Slot: 1}))
			return err
		},
		"a lane handed on beyond all slots": func() error {
			_, err := probe.DecodeHand(probe.AppendHand(nil, probe.Hand{Slot: probe.MaxLanes, Hops: 1}))
			return err
		},
		"more offers left than a hand says": func() error {
			b := wire.AppendUint(nil, 1)
			for _, n := range []uint64{1, 2, 0, 0, 1, probe.MaxMore + 1} {
				b = wire.AppendUint(b, n)
			}
			_, err := probe.DecodeHand(b)
			return err
		},
		"nothing lacking": func() error {
			_, err := probe.DecodeSpare(probe.AppendSpare(nil, probe.Spare{Set: 1}))
			return err
		},
		"a set without an app": func() error {
			_, err := probe.DecodeSetDef(probe.AppendSetDef(nil, &probe.SetDef{Set: 1}))
			return err
		},
		"a set without a number": func() error {
			_, err := probe.DecodeSetDef(probe.AppendSetDef(nil, &probe.SetDef{App: "echo"}))
			return err
		},
	} {
		if err := decode(); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
