package storm

import (
	"time"

	"dunnock/client/owner"
	"dunnock/scheduler/ack"
	"dunnock/scheduler/placement"
	"dunnock/worker/queue"
)

// Plan is all that a seed decides before a run begins: the fleet, its work, and what goes wrong how often.
type Plan struct {
	Seed       uint64
	Workers    int
	Slots      int // of a worker
	Schedulers int
	Clients    int
	Jobs       int
	MostTasks  int // of a job

	Policy placement.Policy

	Storm     time.Duration // how long jobs come and things go wrong
	Delay     time.Duration // one way
	Jitter    time.Duration // more, below this
	Service   time.Duration // tasks take about that
	Lease     time.Duration // silence after which a connection is given up
	Rumour    time.Duration // how long gossip's news take at most
	Largest   int           // bytes of a result, at most
	LargeFrom int           // bytes from which one goes out in pieces, and small messages overtake it; 0: none does
	Slow      bool          // large payloads may take longer to arrive than an offer is good for
	Unread    int64         // bytes of results of a job that its client may have to read before the job starts nothing more

	Faults [faults]int   // by kind: how many there are in all
	Wild   int           // messages between schedulers and workers, per thousand, that come twice or are overtaken
	Spikes int           // messages, per thousand, that are late
	Odd    [oddities]int // by kind: tasks or jobs, per thousand
	Black  int           // workers on which everything fails at once
	Even   bool          // tasks take all the same for a while, so that it is expected of the next ones
	Stated bool          // of those of a job, which says so; some say something else
	Sleepy bool          // clients are stopped for so long that their jobs are given up
	Brief  bool          // tasks take less than a message
	Picky  int           // jobs, per thousand, that only every other worker may run

	DrainTimeout time.Duration // after which a scheduler leaves with jobs that run; 0: it does not

	sharing

	CheckEvery uint64 // events between two looks at the invariants of a core

	owner     owner.Config
	placement placement.Config
	queue     queue.Config
	ack       ack.Config
	grace     time.Duration // of a client that is gone
}

// oddity is what is unusual about a task or a job.
type oddity int

const (
	oddFlaky     oddity = iota // fails once or twice
	oddPermanent               // fails for good
	oddPoison                  // kills its worker
	oddDeaf                    // does not stop when told to
	oddLong                    // takes longer than a lease
	oddOnce                    // job: at most once
	oddHasty                   // job: has a short deadline
	oddCancelled               // job: its user cancels it
	oddRest                    // job: the first failure cancels the rest
	oddDrain                   // job: drains when its owner is gone
	oddShared                  // job: another client submits it too
	oddities
)

// NewPlan draws a plan; with policy 0 its policy too. Most seeds have a few kinds of faults and some have all, so that
// faults are seen alone, in pairs and together.
func NewPlan(seed uint64, policy placement.Policy) Plan {
	d := newDice(seed, 1)
	p := Plan{
		Seed: seed, Workers: d.between(2, 10), Slots: d.between(1, 4), Schedulers: d.between(1, 4), Clients: d.between(1, 3),
		Jobs: d.between(4, 60), MostTasks: d.between(1, 20), Policy: drawPolicy(seed, policy, d.permille(150)),
		Storm: d.spread(500*time.Millisecond, 5*time.Second), Delay: d.spread(50*time.Microsecond, 5*time.Millisecond),
		Jitter: d.spread(10*time.Microsecond, 5*time.Millisecond),
		Lease:  d.spread(300*time.Millisecond, 1500*time.Millisecond), Rumour: d.spread(5*time.Millisecond, 300*time.Millisecond),
		Largest: d.between(0, 4096), Unread: int64(1) << d.between(9, 17),
		ack: ack.Config{Every: uint64(1) << d.n(7), Bytes: 1 << d.between(10, 20)}, CheckEvery: uint64(1) << d.between(3, 8),
	}
	if d.permille(100) {
		p.CheckEvery = 1
	}
	// Tasks take so long that the fleet is idle, or busy, or has up to three times more to do than it can while jobs
	// come.
	work := p.Storm * time.Duration(p.Workers*p.Slots*d.between(50, 3000)) / 1000
	p.Service = min(max(work/time.Duration(p.Jobs*(1+p.MostTasks)/2+1), 200*time.Microsecond), time.Second)
	share, most := 0, 0 // one seed in ten has no faults
	if !d.permille(100) {
		share, most = []int{100, 250, 500, 900}[d.n(4)], []int{2, 5, 12, 25}[d.n(4)]
	}
	for k := range firstPeerFault {
		if d.permille(share) {
			p.Faults[k] = d.between(1, most)
		}
	}
	if share > 0 {
		if d.permille(250) {
			p.Wild = d.between(1, 30)
		}
		if d.permille(300) {
			p.Spikes = d.between(1, 30)
		}
	}
	for k := range p.Odd {
		if d.permille(300) {
			p.Odd[k] = d.between(20, 300)
		}
	}
	if p.Odd[oddPoison] > 0 { // each costs max_attempts workers
		p.Odd[oddPoison] = d.between(5, 30)
	}
	if d.permille(150) && p.Workers > 3 {
		p.Black = 1
	}
	p.configure(d)
	p.disturbPeers(share, most)
	if x := newDice(seed, 7<<32); x.permille(350) {
		p.LargeFrom = x.between(1, p.Largest+1)
		p.Slow = x.permille(300)
	}
	if x := newDice(seed, 9<<32); x.permille(300) {
		p.DrainTimeout = x.spread(20*time.Millisecond, 2*time.Second)
	}
	p.makeSleepy()
	p.share()
	p.makeBrief()
	return p
}

// configure sets the knobs of the cores, in the proportions of their defaults: a lease is shorter than an orphan's
// grace, and a client finds another scheduler in less than either.
func (p *Plan) configure(d dice) {
	p.grace = p.Lease * 2 / 3
	p.queue = queue.Config{
		Slots: p.Slots, StopGrace: d.spread(5*time.Millisecond, 100*time.Millisecond), OrphanGrace: p.Lease * 4 / 3,
		ResultTTL: d.spread(2*time.Second, 30*time.Second), Offers: true,
	}
	p.ack.KeepFor = p.queue.ResultTTL * 2 / 3
	if d.permille(100) {
		p.ack.MaxKept = uint64(d.between(1, 20))
	}
	if d.permille(100) {
		p.ack.MaxKeptBytes = 1 << d.between(8, 14)
	}
	if d.permille(150) {
		p.queue.MaxResults = d.between(1, 20)
	}
	if d.permille(100) {
		p.queue.MaxResultBytes = 1 << d.between(8, 14)
	}
	if d.permille(100) {
		p.queue.MaxReservations = d.between(1, 20)
	}
	p.placement = placement.Config{Policy: p.Policy, ClaimWait: d.spread(5*time.Millisecond, 100*time.Millisecond), DoubtWait: p.Lease}
	if d.permille(200) {
		p.placement.MaxQueueTime = d.spread(50*time.Millisecond, 2*time.Second)
	}
	p.owner = owner.Config{Patience: d.spread(10*time.Millisecond, 250*time.Millisecond)}
}
