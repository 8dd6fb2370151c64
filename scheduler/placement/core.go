package placement

import (
	"math/rand/v2"
	"time"

	"dunnock/internal/timer"
	"dunnock/probe"
)

// Core decides the life of every job at one scheduler. See the package
// documentation for what its caller owes it. Make one with [New].
type Core struct {
	cfg Config
	rng *rand.Rand

	workers   []worker  // by id
	profiles  []profile // by id
	lastOffer *Worker   // of the worker that connected last, for the next one that says the same
	lives     uint32    // connections so far: tells apart those that had one id
	sets      []*set
	byKey     map[string]*set
	listed    int   // workers in the lists of all sets
	pinned    int   // sets that groups of live jobs need
	index     index // of workers that may be sampled

	self, schedulers int // which of the fleet's schedulers this is, and how many there are

	jobs   []*job   // by the low half of their Ref; those that are done wait in free
	free   []uint32 // indices into jobs
	oldest *job     // live jobs, in the order that they came in
	newest *job
	timers timer.Heap[*waker] // live jobs, by when they want to be woken

	avoids     []avoid // cells of the lists of workers that tasks have failed on
	avoidsFree uint32  // the first free one + 1; 0: none
	taskPool   pool[taskRec]
	resPool    pool[reservation]
	linkPool   pool[resLink]
	groupPool  pool[group]
	usual      *extra   // of groups that have none of their own; it is never changed
	extras     []*extra // to be used again
	whole      *parts   // of jobs that have none; it is never changed
	nearPool   pool[probe.WorkerID]
	plan       []planned     // scratch of Submit
	heads      []uint32      // scratch of Submit: the first planned group of each of the Spec's
	zone       []probe.Label // scratch of Submit

	load  Load
	stats Stats
	hops  hops

	users       map[string]*account // who have live jobs, and their groups; never ranged over
	accounts    []*account          // to be used again
	weights     map[string]int      // of users and groups, as the worker has them that connected last of those that are fair
	atTop       int                 // weights of the users and groups that are in no group
	taken       int64               // what runs takes, in costs
	wanted      int64               // what waits takes, in costs
	enrolled    int                 // live jobs that have a user
	fairWorkers int                 // of those that may be sampled

	breakers   map[probe.WorkerID]*breaker // never ranged over
	quarantine []probe.WorkerID
	tripped    []probe.WorkerID // to be quarantined when the event is done with
	trialAt    time.Duration    // when the first of the quarantined is tried again; never: nobody is
	apart      bool             // scratch of answer: a suspect was kept apart from what its worker runs
	succeeded  uint64           // attempts
	failed     uint64           // attempts

	key    []byte        // scratch of setFor
	labels []probe.Label // scratch of setFor
	needs  []*need       // of sets that are kept, by their number - 1; nil: a number to be used again

	affinity *affinity // nil until a task has a key

	idle *idle // nil unless the policy is IdleOffer

	sorters int // workers in sampling that have [Worker].Sorts
}

// New makes a core without workers and jobs. The generator is the core's from here on; the same seed and the same
// events give the same effects. A Config that does not [Config.Validate] panics.
func New(cfg Config, rng *rand.Rand) *Core {
	if err := cfg.Validate(); err != nil {
		panic("placement: " + err.Error())
	}
	c := &Core{
		cfg: cfg.withDefaults(), rng: rng, schedulers: 1, byKey: make(map[string]*set), index: newIndex(), breakers: make(map[probe.WorkerID]*breaker), trialAt: never, hops: newHops(),
		usual: &extra{cost: costUnit, resampleAt: never}, whole: &parts{},
	}
	if c.cfg.Policy == IdleOffer {
		c.idle = newIdle()
	}
	return c
}

// Load is what a core has to do now.
type Load struct {
	Workers      int // connected, not draining
	Draining     int // connected and draining, quarantined, or without slots
	Quarantined  int // of them
	Slots        int // of the workers that are not draining
	Jobs         int // accepted and not done
	Waiting      int // tasks that wait for a launch
	Running      int // tasks that are bound to a slot
	Reservations int // outstanding: in a worker's queue, or on the way there or back
}

// Stats counts what has happened since the core was made.
type Stats struct {
	Submitted     uint64 // jobs accepted
	Done          uint64 // jobs done
	TasksDone     uint64 // tasks that ended, whatever their outcome
	Reservations  uint64 // given out
	GetTasks      uint64 // received, also repeated and stale ones
	Launches      uint64 // tasks bound; a repeated answer is not one
	NoTasks       uint64 // calls answered with NoTask; a repeated answer is not one
	Cancelled     uint64 // reservations taken back
	Refused       uint64 // reservations that workers gave back
	Declined      uint64 // launches that workers gave back
	Killed        uint64 // attempts that were told to end
	Retries       uint64 // attempts that failed or were lost and whose task waited again
	Lost          uint64 // attempts lost with their worker, or forgotten by it, or doubtful when it was back
	Renewed       uint64 // reservations, of those given out, that renewed a worker's used-up share of a wide job
	Severed       uint64 // workers whose connection was lost, and that might be back
	Unlaunched    uint64 // launches that never reached their worker, as it said when it was back
	Claims        uint64 // sent
	Adopted       uint64 // attempts bound by a worker's word: claimed, or thought lost
	Found         uint64 // ends of attempts that were not bound and still told something new
	Overloaded    uint64 // jobs refused because their tasks would wait too long
	Quarantined   uint64 // times that a worker was quarantined
	Relaxed       uint64 // times that a preference gave way, or a spread
	KeptApart     uint64 // times that a suspect was not launched because of what its worker ran
	Superseded    uint64 // jobs that another scheduler has taken over
	Delayed       uint64 // times that a job put off sampling anew
	Repeated      uint64 // GetTasks that repeated the last call of their slot and were answered again
	Offers        uint64 // received from workers
	OffersHeld    uint64 // that could not be used when they came
	OffersUsed    uint64 // that a task was launched on
	OffersDropped uint64 // of a worker that is not sampled, or too old, or one too many
	HandsTaken    uint64 // offers that peers handed on
	Hands         uint64 // offers handed on to peers
	Wants         uint64 // told to peers, also withdrawn ones
	Spares        uint64 // requests to peers for what they can spare
	Nets          uint64 // times that reservations were given because too little was launched
	NearLaunches  uint64 // of tasks with an affinity key, at a worker that it has chosen
	FarLaunches   uint64 // of such tasks, at another one
	Spills        uint64 // of such tasks, that might run anywhere since theirs had no slot in time
	Told          uint64 // launches that said what their job does of its tasks
	Untrue        uint64 // services that were not what their job had said
	UnderShare    uint64 // jobs that got more reservations, because their user was under its share while others waited
	Stale         uint64 // messages without effect: late, repeated, or about something unknown
}

// Load returns what the core has to do now.
func (c *Core) Load() Load { return c.load }

// Offers counts the offers that are held: of slots that are free, and of those that soon will be.
func (c *Core) Offers() (free, soon int) {
	if c.idle == nil {
		return 0, 0
	}
	return c.idle.free, c.idle.ahead
}

// Stats returns what has happened so far.
func (c *Core) Stats() Stats { return c.stats }
