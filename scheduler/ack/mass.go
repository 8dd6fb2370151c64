package ack

// mass tells how much in results has come since a number, without a size for each: it notes now and then how much there
// was in all.
type mass struct {
	total int64
	notes []massNote // in their order; the first is the newest that need not be told from those before
}

type massNote struct {
	seq   uint64 // all up to here had come
	total int64
}

// maxNotes bounds them; beyond that the last one moves on.
const maxNotes = 64

// add counts a result, after which all up to a number have come. There is a note each so many bytes.
func (m *mass) add(bytes int, come uint64, every int64) {
	m.total += int64(bytes)
	n := len(m.notes)
	switch {
	case n > 0 && m.total-m.notes[n-1].total < every, m.total < every:
	case n == maxNotes:
		m.notes[n-1] = massNote{come, m.total}
	default:
		m.notes = append(m.notes, massNote{come, m.total})
	}
}

// since is how many bytes have come behind a number: somewhat more, since it is taken from the last note before.
func (m *mass) since(seq uint64) int64 {
	before := int64(0)
	for i := 0; i < len(m.notes) && m.notes[i].seq <= seq; i++ {
		before = m.notes[i].total
	}
	return m.total - before
}

// forget drops the notes that nobody asks for who asks behind a number.
func (m *mass) forget(seq uint64) {
	old := 0
	for old+1 < len(m.notes) && m.notes[old+1].seq <= seq {
		old++
	}
	m.notes = m.notes[:copy(m.notes, m.notes[old:])]
}
