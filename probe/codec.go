package probe

import "dunnock/internal/wire"

// AppendReserve appends the encoding of m.
func AppendReserve(b []byte, m Reserve) []byte {
	b = wire.AppendUint(b, uint64(m.Ref))
	b = wire.AppendUint(b, uint64(m.Res))
	return wire.AppendUint(b, uint64(m.Count))
}

// DecodeReserve reads a Reserve. The error of every decoder here is [wire.ErrMalformed].
func DecodeReserve(body []byte) (Reserve, error) {
	r := wire.NewReader(body)
	m := readReserve(&r)
	if m.Count == 0 {
		return Reserve{}, wire.ErrMalformed
	}
	return m, r.Close()
}

func readReserve(r *wire.Reader) Reserve {
	return Reserve{Ref: Ref(r.Uint64()), Res: r.Uint32(), Count: r.Uint32()}
}

// AppendCancel appends the encoding of m.
func AppendCancel(b []byte, m Cancel) []byte {
	b = wire.AppendUint(b, uint64(m.Ref))
	return wire.AppendUint(b, uint64(m.Res))
}

// DecodeCancel reads a Cancel.
func DecodeCancel(body []byte) (Cancel, error) {
	r := wire.NewReader(body)
	m := Cancel{Ref: Ref(r.Uint64()), Res: r.Uint32()}
	return m, r.Close()
}

// AppendGetTask appends the encoding of m.
func AppendGetTask(b []byte, m GetTask) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendUint(b, uint64(m.Ref))
	return wire.AppendUint(b, uint64(m.Res))
}

// DecodeGetTask reads a GetTask.
func DecodeGetTask(body []byte) (GetTask, error) {
	r := wire.NewReader(body)
	m := GetTask{Slot: r.Uint16(), Call: r.Uint32(), Ref: Ref(r.Uint64()), Res: r.Uint32()}
	return m, r.Close()
}

// AppendLaunchHead appends all of m but its payload, which must follow it and end the message.
func AppendLaunchHead(b []byte, m *Launch) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendUint(b, uint64(m.Ref))
	b = append(b, m.Job[:]...)
	b = wire.AppendUint(b, uint64(m.Task))
	b = wire.AppendUint(b, uint64(m.Attempt))
	b = wire.AppendUint(b, uint64(m.Epoch))
	b = wire.AppendUint(b, uint64(m.App))
	b = wire.AppendDuration(b, m.Deadline)
	b = wire.AppendDuration(b, m.Timeout)
	b = wire.AppendDuration(b, m.Expect)
	return appendBool(b, m.More)
}

// AppendLaunch appends the encoding of m.
func AppendLaunch(b []byte, m *Launch) []byte {
	return append(AppendLaunchHead(b, m), m.Payload...)
}

// DecodeLaunch reads a Launch. Its Payload aliases body.
func DecodeLaunch(body []byte) (Launch, error) {
	r := wire.NewReader(body)
	m := Launch{Slot: r.Uint16(), Call: r.Uint32(), Ref: Ref(r.Uint64())}
	r.Fixed(m.Job[:])
	m.Task, m.Attempt, m.Epoch, m.App = r.Uint32(), r.Uint16(), r.Uint32(), r.Uint16()
	m.Deadline, m.Timeout, m.Expect, m.More = r.Duration(), r.Duration(), r.Duration(), r.Uint(1) == 1
	m.Payload = r.Rest()
	return m, r.Close()
}

// AppendComing appends the encoding of m.
func AppendComing(b []byte, m Coming) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	return wire.AppendUint(b, uint64(m.Call))
}

// DecodeComing reads a Coming.
func DecodeComing(body []byte) (Coming, error) {
	r := wire.NewReader(body)
	m := Coming{Slot: r.Uint16(), Call: r.Uint32()}
	return m, r.Close()
}

// AppendNoTask appends the encoding of m.
func AppendNoTask(b []byte, m NoTask) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	return wire.AppendUint(b, uint64(m.Call))
}

// DecodeNoTask reads a NoTask.
func DecodeNoTask(body []byte) (NoTask, error) {
	r := wire.NewReader(body)
	m := NoTask{Slot: r.Uint16(), Call: r.Uint32()}
	return m, r.Close()
}

// AppendFinishedHead appends all of m but its body, which must follow it and end the message.
func AppendFinishedHead(b []byte, m *Finished) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendUint(b, uint64(m.Ref))
	b = wire.AppendUint(b, uint64(m.Task))
	b = wire.AppendUint(b, uint64(m.Attempt))
	b = wire.AppendUint(b, uint64(m.Status))
	b = wire.AppendDuration(b, m.Service)
	return wire.AppendUint(b, m.Seq)
}

// AppendFinished appends the encoding of m.
func AppendFinished(b []byte, m *Finished) []byte {
	return append(AppendFinishedHead(b, m), m.Body...)
}

// DecodeFinished reads a Finished. Its Body aliases body.
func DecodeFinished(body []byte) (Finished, error) {
	r := wire.NewReader(body)
	m := Finished{Slot: r.Uint16(), Call: r.Uint32(), Ref: Ref(r.Uint64()), Task: r.Uint32(), Attempt: r.Uint16()}
	m.Status = Status(r.Uint8())
	m.Service = r.Duration()
	m.Seq = r.Uint64()
	m.Body = r.Rest()
	if m.Status < StatusOK || m.Status > StatusKilled {
		return Finished{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendRefuse appends the encoding of m.
func AppendRefuse(b []byte, m Refuse) []byte {
	b = wire.AppendUint(b, uint64(m.Ref))
	b = wire.AppendUint(b, uint64(m.Res))
	b = wire.AppendUint(b, uint64(m.Count))
	return wire.AppendUint(b, uint64(m.Reason))
}

// DecodeRefuse reads a Refuse.
func DecodeRefuse(body []byte) (Refuse, error) {
	r := wire.NewReader(body)
	m := Refuse{Ref: Ref(r.Uint64()), Res: r.Uint32(), Count: r.Uint32(), Reason: Refusal(r.Uint8())}
	if !m.Reason.valid() {
		return Refuse{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendDecline appends the encoding of m.
func AppendDecline(b []byte, m Decline) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendUint(b, uint64(m.Ref))
	b = wire.AppendUint(b, uint64(m.Task))
	return wire.AppendUint(b, uint64(m.Reason))
}

// DecodeDecline reads a Decline.
func DecodeDecline(body []byte) (Decline, error) {
	r := wire.NewReader(body)
	m := Decline{Slot: r.Uint16(), Call: r.Uint32(), Ref: Ref(r.Uint64()), Task: r.Uint32(), Reason: Refusal(r.Uint8())}
	if !m.Reason.valid() {
		return Decline{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendKill appends the encoding of m.
func AppendKill(b []byte, m Kill) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	return wire.AppendUint(b, uint64(m.Call))
}

// DecodeKill reads a Kill.
func DecodeKill(body []byte) (Kill, error) {
	r := wire.NewReader(body)
	m := Kill{Slot: r.Uint16(), Call: r.Uint32()}
	return m, r.Close()
}

// AppendLoad appends the encoding of m.
func AppendLoad(b []byte, m Load) []byte {
	b = wire.AppendUint(b, uint64(m.Busy))
	return wire.AppendUint(b, uint64(m.Queued))
}

// DecodeLoad reads a Load.
func DecodeLoad(body []byte) (Load, error) {
	r := wire.NewReader(body)
	m := Load{Busy: r.Uint32(), Queued: r.Uint32()}
	return m, r.Close()
}

// AppendClaim appends the encoding of m.
func AppendClaim(b []byte, m Claim) []byte {
	b = wire.AppendUint(b, uint64(m.Ref))
	b = append(b, m.Job[:]...)
	return wire.AppendUint(b, uint64(m.Epoch))
}

// DecodeClaim reads a Claim.
func DecodeClaim(body []byte) (Claim, error) {
	r := wire.NewReader(body)
	m := Claim{Ref: Ref(r.Uint64())}
	r.Fixed(m.Job[:])
	m.Epoch = r.Uint32()
	if m.Ref == 0 || m.Epoch == 0 {
		return Claim{}, wire.ErrMalformed
	}
	return m, r.Close()
}

// AppendAdopt appends the encoding of m.
func AppendAdopt(b []byte, m Adopt) []byte {
	b = wire.AppendUint(b, uint64(m.Slot))
	b = wire.AppendUint(b, uint64(m.Call))
	b = wire.AppendUint(b, uint64(m.Ref))
	b = wire.AppendUint(b, uint64(m.Task))
	b = wire.AppendUint(b, uint64(m.Attempt))
	return wire.AppendDuration(b, m.Elapsed)
}

// DecodeAdopt reads an Adopt.
func DecodeAdopt(body []byte) (Adopt, error) {
	r := wire.NewReader(body)
	m := Adopt{Slot: r.Uint16(), Call: r.Uint32(), Ref: Ref(r.Uint64()), Task: r.Uint32(), Attempt: r.Uint16(), Elapsed: r.Duration()}
	return m, r.Close()
}

// AppendTold appends the encoding of m.
func AppendTold(b []byte, m Told) []byte {
	b = wire.AppendUint(b, uint64(m.Ref))
	b = wire.AppendUint(b, m.Acked)
	return appendBool(b, m.Dropped)
}

// DecodeTold reads a Told.
func DecodeTold(body []byte) (Told, error) {
	r := wire.NewReader(body)
	m := Told{Ref: Ref(r.Uint64()), Acked: r.Uint64(), Dropped: r.Uint(1) == 1}
	return m, r.Close()
}

// AppendDrain appends the encoding of m.
func AppendDrain(b []byte, m Drain) []byte { return appendBool(b, m.Left) }

// DecodeDrain reads a Drain.
func DecodeDrain(body []byte) (Drain, error) {
	r := wire.NewReader(body)
	m := Drain{Left: r.Uint(1) == 1}
	return m, r.Close()
}

// AppendAck appends the encoding of m.
func AppendAck(b []byte, m Ack) []byte { return wire.AppendUint(b, m.Seq) }

// DecodeAck reads an Ack.
func DecodeAck(body []byte) (Ack, error) {
	r := wire.NewReader(body)
	m := Ack{Seq: r.Uint64()}
	return m, r.Close()
}

func (r Refusal) valid() bool { return r >= RefusedFull && r <= RefusedEarly }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
