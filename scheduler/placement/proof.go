package placement

import "time"

// proof is what shows that workers make no offers though they should by what is known of the fleet here: they know of
// more schedulers, or of fewer slots (see probe.OffersServe). Then each job would wait for the safety net. So when most
// workers that it gave reservations have asked at once, so that they had slots free of which no offer had come, jobs
// are sampled for as under [LateBinding], until an offer comes. Where slots are taken by others' tasks, few workers ask
// so soon.
type proof struct {
	since time.Duration // when the safety net gave reservations
	given int           // so many; 0: an offer has come since
	calls int           // on reservations, that came soon after
	holds bool
}

// begin notes that the safety net gives reservations.
func (p *proof) begin(now time.Duration, given int) {
	p.since, p.given, p.calls = now, given, 0
}

// asked notes that a worker has asked on the strength of a reservation, of which soon says until how long after the
// safety net that is at once.
func (p *proof) asked(now, soon time.Duration) {
	if p.given == 0 || now-p.since > soon {
		return
	}
	p.calls++
	p.holds = p.holds || 2*p.calls >= p.given
}

// come notes that an offer has come.
func (x *idle) come(now time.Duration) { x.came, x.proof = now, proof{} }
