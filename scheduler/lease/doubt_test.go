package lease

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// An answer is about what was asked before it was given: what has come into doubt since is certain only when that is
// answered too. Jobs that were submitted between two questions are not given up for the answer to the first, which does
// not know of them.
func TestStillOfASecondDoubt(t *testing.T) {
	t.Parallel()
	var c Client[string]
	c.Follow(1, "one")
	c.Follow(2, "two")
	c.Ask()
	c.Follow(3, "three")
	if list := c.Ask(); !slices.Equal(seqs(list), []uint32{1, 2, 3}) || !list[0].Asked || !list[1].Asked || list[2].Asked {
		t.Fatalf("asked again about %+v", list)
	}
	c.Follow(4, "four")
	if kept, lost := c.Still([]uint32{1}); len(kept) > 0 || !slices.Equal(seqs(lost), []uint32{2}) || !lost[0].Asked || !c.Asked() {
		t.Fatalf("after the first answer: kept %+v, lost %+v, asked %v", kept, lost, c.Asked())
	}
	kept, lost := c.Still([]uint32{1})
	if !slices.Equal(seqs(kept), []uint32{1, 4}) || !kept[0].Asked || kept[1].Asked || !slices.Equal(seqs(lost), []uint32{3}) || !lost[0].Asked || c.Asked() {
		t.Fatalf("after the second: kept %+v, lost %+v, asked %v", kept, lost, c.Asked())
	}
}

// TestNothingStartsInDoubt plays a client and its connection, both ways in their order, and pauses of the scheduler. A
// job may start something when it is held for no doubt; then its client must have said, after the last pause began,
// that it owns it, or have submitted it since. What a client owns is never given up.
func TestNothingStartsInDoubt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(Config{})
		var c Client[*Job]
		type said struct { // on its way from the client
			at     int // in pauses
			seqs   []uint32
			submit uint32 // instead: a job
		}
		var asks int       // on their way to the client
		var answers []said // and from it
		owned := map[uint32]bool{}
		proven := map[uint32]int{} // by seq: in which pause's time its client was last known to own it
		pauses, next := 0, uint32(1)
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(*rapid.T) {
				owned[next] = true
				answers = append(answers, said{at: pauses, submit: next})
				next++
			},
			"finish": func(t *rapid.T) {
				delete(owned, rapid.Uint32Range(1, next).Draw(t, "job"))
			},
			"pause": func(*rapid.T) {
				pauses++
				list := c.Ask()
				for _, o := range list {
					if o.Asked {
						b.Hold(o.Job, Asked)
					} else {
						b.Ask(o.Job)
					}
				}
				if len(list) > 0 {
					asks++
				}
			},
			"answer": func(*rapid.T) {
				if asks > 0 {
					asks--
					answers = append(answers, said{at: pauses, seqs: slices.Sorted(maps.Keys(owned))})
				}
			},
			"hear": func(t *rapid.T) {
				if len(answers) == 0 {
					return
				}
				m := answers[0]
				if m.submit == 0 && len(answers) > 1 && answers[1].submit != 0 && rapid.Bool().Draw(t, "overtaken") {
					m = answers[1]
					answers = slices.Delete(answers, 1, 2)
				} else {
					answers = answers[1:]
				}
				if m.submit != 0 {
					j := &Job{}
					b.Own(j)
					c.Follow(m.submit, j)
					proven[m.submit] = pauses // it lay unread at worst, behind which the end of the connection would lie
					return
				}
				for _, seq := range m.seqs {
					proven[seq] = max(proven[seq], m.at)
				}
				kept, lost := c.Still(m.seqs)
				for _, o := range kept {
					b.Answered(o.Job, o.Asked)
				}
				for _, o := range lost {
					if owned[o.Seq] {
						t.Fatalf("job %d is given up, and is its client's", o.Seq)
					}
					b.GiveUp(o.Job, 0)
					if o.Asked {
						b.Unanswered(o.Job)
					}
				}
			},
			"": func(t *rapid.T) {
				for _, o := range c.list() {
					if o.Job.Held() == 0 && proven[o.Seq] < pauses {
						t.Fatalf("job %d may start in the time of pause %d, and was last its client's in that of %d", o.Seq, pauses, proven[o.Seq])
					}
				}
				if asks == 0 && len(answers) == 0 {
					for _, o := range c.list() {
						if o.Job.Held()&Asked != 0 || o.Asked {
							t.Fatalf("job %d waits for an answer, and all are there", o.Seq)
						}
					}
				}
			},
		})
	})
}
