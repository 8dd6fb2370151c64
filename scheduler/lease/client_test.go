package lease

import (
	"slices"
	"testing"
)

func seqs(list []Owned[string]) (out []uint32) {
	for _, o := range list {
		out = append(out, o.Seq)
	}
	return out
}

// What a client has submitted since it was asked is its own, though the answer does not name it; what it was asked
// about and does not name is given up.
func TestStill(t *testing.T) {
	t.Parallel()
	var c Client[string]
	if len(c.Ask()) > 0 || c.Asked() {
		t.Error("asked about nothing")
	}
	c.Follow(9, "nine")
	c.Follow(3, "three")
	c.Follow(5, "five")
	if list := c.Ask(); !slices.Equal(seqs(list), []uint32{3, 5, 9}) || !c.Asked() {
		t.Errorf("asked about %v, and asked: %v", seqs(list), c.Asked())
	}
	c.Follow(11, "eleven")
	c.Forget(9) // it is over
	kept, lost := c.Still([]uint32{3, 9, 70})
	if !slices.Equal(seqs(kept), []uint32{3, 11}) || !kept[0].Asked || kept[1].Asked || c.Asked() {
		t.Errorf("kept %+v", kept)
	}
	if !slices.Equal(seqs(lost), []uint32{5}) || !lost[0].Asked || lost[0].Job != "five" {
		t.Errorf("lost %+v", lost)
	}
	if j, ok := c.Job(11); !ok || j != "eleven" || c.Len() != 2 {
		t.Errorf("%q, %v; %d left", j, ok, c.Len())
	}
	if list := c.Ask(); !slices.Equal(seqs(list), []uint32{3, 11}) {
		t.Errorf("asked again about %v", seqs(list))
	}
}

// A client that closes says so unasked, and names no job.
func TestStillUnasked(t *testing.T) {
	t.Parallel()
	var c Client[string]
	c.Follow(1, "one")
	if kept, lost := c.Still(nil); len(kept) > 0 || !slices.Equal(seqs(lost), []uint32{1}) || lost[0].Asked || c.Len() > 0 {
		t.Errorf("kept %v, lost %+v", kept, lost)
	}
}

// What a client leaves behind says what it was asked about.
func TestLeave(t *testing.T) {
	t.Parallel()
	var c Client[string]
	c.Follow(2, "two")
	c.Ask()
	c.Follow(1, "one")
	list := c.Leave()
	if !slices.Equal(seqs(list), []uint32{1, 2}) || list[0].Asked || !list[1].Asked || c.Len() > 0 || c.Asked() {
		t.Errorf("%+v", list)
	}
}
