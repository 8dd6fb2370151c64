package view

import (
	"bytes"
	"fmt"
	"strings"

	"dunnock/internal/wire"
	"dunnock/probe"
	"dunnock/task"
)

// MaxMeta is how many bytes of metadata a member may announce. Each alive message carries
// all of them to everyone, and one packet of 1,400 bytes should hold several.
const MaxMeta = 200

// metaFormat is the first byte of all metadata. Another one is not decoded.
const metaFormat = 1

// EncodeMeta returns what m announces beside its identity: Addr, Slots, Labels, Zone, State and Version. The error
// lists all of m's [Member.Faults], or says by how much the metadata is over [MaxMeta] and what the labels take of it.
func EncodeMeta(m *Member) ([]byte, error) {
	if faults := m.Faults(); faults != nil {
		return nil, fmt.Errorf("metadata: %s", strings.Join(faults, "; "))
	}
	b := appendMeta(make([]byte, 0, MaxMeta), m)
	if len(b) > MaxMeta {
		return nil, fmt.Errorf("metadata: %d bytes, at most %d fit: address %d, zone %d, labels %d; shorten the labels (%s)",
			len(b), MaxMeta, len(m.Addr), len(m.Zone), labelBytes(m.Labels), labelList(m.Labels))
	}
	return b, nil
}

// DecodeMeta reads metadata into the fields that [EncodeMeta] wrote. It takes exactly what EncodeMeta can write, bounds
// included, so that what it returns can be used as it is; only that Slots fits the role is checked in [Decode], which
// knows the role. The error is [wire.ErrMalformed].
func DecodeMeta(b []byte) (Member, error) {
	if len(b) > MaxMeta || len(b) == 0 || b[0] != metaFormat {
		return Member{}, wire.ErrMalformed
	}
	r := wire.NewReader(b[1:])
	m := Member{Version: r.Uint32(), State: State(r.Uint8()), Slots: int(r.Uint16())}
	m.Addr = r.String(MaxMeta)
	m.Zone = r.String(task.MaxNameLen)
	for range r.Uint(task.MaxLabels) {
		l := probe.Label{Key: r.String(task.MaxNameLen), Value: r.String(task.MaxNameLen)}
		if !validLabel(l) || (len(m.Labels) > 0 && m.Labels[len(m.Labels)-1].Key >= l.Key) {
			return Member{}, wire.ErrMalformed
		}
		m.Labels = append(m.Labels, l)
	}
	if err := r.Close(); err != nil {
		return Member{}, err
	}
	if m.Version == 0 || m.State < Active || m.State > Joining || m.Slots > probe.MaxSlots || !ValidAddr(m.Addr) || !validText(m.Zone) {
		return Member{}, wire.ErrMalformed
	}
	// A varint can be written in several lengths; only the shortest is ours.
	if !bytes.Equal(appendMeta(make([]byte, 0, MaxMeta), &m), b) {
		return Member{}, wire.ErrMalformed
	}
	return m, nil
}

// Decode makes a member of what gossip tells of it. The error is [wire.ErrMalformed].
func Decode(identity, gossipAddr string, meta []byte) (Member, error) {
	k, incarnation, err := ParseIdentity(identity)
	if err != nil {
		return Member{}, err
	}
	m, err := DecodeMeta(meta)
	if err != nil {
		return Member{}, err
	}
	if (k.Role == probe.RoleWorker) != (m.Slots > 0) {
		return Member{}, wire.ErrMalformed
	}
	m.Role, m.Name, m.Incarnation, m.GossipAddr = k.Role, k.Name, incarnation, gossipAddr
	return m, nil
}

func appendMeta(b []byte, m *Member) []byte {
	b = append(b, metaFormat)
	b = wire.AppendUint(b, uint64(m.Version))
	b = wire.AppendUint(b, uint64(m.State))
	b = wire.AppendUint(b, uint64(m.Slots))
	b = wire.AppendString(b, m.Addr)
	b = wire.AppendString(b, m.Zone)
	b = wire.AppendUint(b, uint64(len(m.Labels)))
	for _, l := range m.Labels {
		b = wire.AppendString(b, l.Key)
		b = wire.AppendString(b, l.Value)
	}
	return b
}

func labelBytes(labels []probe.Label) int {
	n := 1
	for _, l := range labels {
		n += 2 + len(l.Key) + len(l.Value)
	}
	return n
}

func labelList(labels []probe.Label) string {
	var s strings.Builder
	for i, l := range labels {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(l.Key + "=" + l.Value)
	}
	return s.String()
}
