package scheduler

import (
	"time"

	"dunnock/internal/api"
	"dunnock/internal/stream"
)

// A request that waits for its job owns it, and its connection is the lease: nothing starts without. What was written
// to the connection has reached the client as far as anybody can know, since plain HTTP has no word for it.

// unsentResult is a result that no waiting request has been sent.
type unsentResult struct {
	at      int // among what is said of the job: outcomes and attempts in vain
	receipt receipt
}

// own makes the request one of the job's owners. It runs under the lock.
func (es *eventStream) own(j *job) {
	es.job, es.owner = j, true
	es.s.leases.Own(&j.lease)
	j.waiting = append(j.waiting, es)
}

// leave gives up ownership. What nobody was sent is kept: the client may come for it, here or elsewhere.
func (es *eventStream) leave() {
	if !es.owner {
		return
	}
	s, j := es.s, es.job
	var t turn
	now := s.enter()
	for i, other := range j.waiting {
		if other == es {
			j.waiting = append(j.waiting[:i], j.waiting[i+1:]...)
			break
		}
	}
	if len(j.waiting) == 0 {
		for _, r := range j.unsent {
			if j.lease.Detached { // it lives here, and so do its results
				s.settle(&t, r.receipt)
			} else {
				s.keepResult(now, r.receipt)
			}
		}
		j.unsent = nil
	}
	t.effects = s.disown(now, j, es.asked, t.effects)
	s.exit(now, &t)
	t.batch.Flush()
}

// flush writes what has been said so far.
func (es *eventStream) flush() error {
	if err := es.out.flush(); err != nil {
		return err
	}
	es.settle()
	return nil
}

// settle notes that the results that were said have been written.
func (es *eventStream) settle() {
	if !es.owner {
		return
	}
	s, j := es.s, es.job
	var t turn
	now := s.enter()
	n := 0
	for ; n < len(j.unsent) && j.unsent[n].at < es.said; n++ {
		s.settle(&t, j.unsent[n].receipt)
	}
	if j.unsent = j.unsent[n:]; len(j.unsent) == 0 {
		j.unsent = nil
	}
	s.exit(now, &t)
	t.batch.Flush()
}

// Whether a client is still there is looked at this often: at first, and at last.
const (
	minProve = time.Millisecond
	maxProve = 100 * time.Millisecond
)

// prove finds out whether the client is still there, when this process has stood still: it says something, and waits
// until that has arrived. Until then nothing of the job is started.
func (es *eventStream) prove(stop, gone <-chan struct{}) error {
	if err := es.out.event(api.Event{Event: "beat"}); err != nil {
		return err
	}
	if err := es.flush(); err != nil {
		return err
	}
	began := time.Now()
	for wait := minProve; ; wait = min(2*wait, maxProve) {
		switch all, err := stream.Arrived(es.out.conn); {
		case err != nil:
			return errReaderGone
		case all:
			es.still() // or there is another doubt, and it is proven once more
			return nil
		case time.Since(began) > es.patience:
			return errReaderStopped
		}
		timer := time.NewTimer(wait)
		select {
		case <-stop:
			timer.Stop()
			return errStopped
		case <-gone:
			timer.Stop()
			return errReaderGone
		case <-timer.C:
		}
	}
}

// still lets the job go on: one of its owners is there. Not if this process has stood still since that was found out:
// then it is in doubt anew.
func (es *eventStream) still() {
	s := es.s
	var t turn
	now := s.enter()
	if len(es.doubt) == 0 {
		t.effects = s.do(now, es.job, s.leases.Answered(&es.job.lease, es.asked), t.effects)
		es.asked = false
	}
	s.exit(now, &t)
	t.batch.Flush()
}
