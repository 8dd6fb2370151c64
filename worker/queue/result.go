package queue

import (
	"slices"
	"time"

	"dunnock/probe"
	"dunnock/task"
)

// keep is what a worker keeps for schedulers that come back or take over.
type keep struct {
	held   []held  // by slot
	lives  []*life // by id, ascending
	fences fences

	results int           // of all lives
	bytes   int           // of their bodies
	due     time.Duration // no later than when the first result's time is over

	maxResults int
	maxBytes   int
	ttl        time.Duration // of a result
	grace      time.Duration // of an orphan
}

func newKeep(cfg *Config, lanes uint16) *keep {
	return &keep{
		held: make([]held, lanes), due: never,
		maxResults: cfg.MaxResults, maxBytes: cfg.MaxResultBytes, ttl: cfg.ResultTTL, grace: cfg.OrphanGrace,
	}
}

// result is one attempt's end as it is kept until its scheduler acknowledges it.
type result struct {
	job     task.JobID
	ref     probe.Ref
	at      time.Duration
	service time.Duration
	body    []byte
	call    uint32
	task    uint32
	slot    uint16
	attempt uint16
	status  probe.Status
}

// life is what is kept for one life of a scheduler, connected or not: the results that it has not acknowledged,
// numbered from 1 in the order of their ends. It stays for as long as the scheduler might still count on those numbers.
type life struct {
	id      probe.SchedulerID
	up      bool
	dropped bool          // an attempt of it that ran will not be said; for good, since nobody knows whether a Told arrives
	gone    uint64        // number of the newest result that went before it was acknowledged; 0: none. Who has it need not be told
	left    time.Duration // when its connection ended; not up
	last    uint64        // the newest number
	ring    []result      // a power of two, or nil
	head    int
	live    int
	piece   []byte // memory for small bodies
}

// keepLife is how long a life is remembered that has left and for which nothing is kept. Schedulers give a worker up,
// and forget the numbers of its results, much sooner.
const keepLife = 10 * time.Minute

// Small bodies of one life lie together in pieces of memory, which are freed when all in them are gone.
const (
	smallBody = 1 << 10
	pieceSize = 32 << 10
)

// End is how a handler ended an attempt.
type End struct {
	Status probe.Status // StatusOK, StatusFailed or StatusPermanent
	Body   []byte       // result or encoded fault
	Owned  bool         // nothing else uses the memory of Body

	Took time.Duration // in the handler; 0: as long as since its launch
}

// life returns what is kept for a scheduler, or nil.
func (c *Core) life(s probe.SchedulerID) *life {
	if c.keep == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(c.keep.lives, s, func(l *life, s probe.SchedulerID) int { return int(l.id) - int(s) })
	if !found {
		return nil
	}
	return c.keep.lives[i]
}

// ensureLife returns what is kept for a scheduler, from now on if nothing was. It forgets lives that are long over.
func (c *Core) ensureLife(now time.Duration, s probe.SchedulerID) *life {
	c.keep.lives = slices.DeleteFunc(c.keep.lives, func(l *life) bool {
		return !l.up && l.live == 0 && l.id != s && now-l.left > keepLife && !c.runsFor(l.id)
	})
	i, found := slices.BinarySearchFunc(c.keep.lives, s, func(l *life, s probe.SchedulerID) int { return int(l.id) - int(s) })
	if !found {
		c.keep.lives = slices.Insert(c.keep.lives, i, &life{id: s})
	}
	return c.keep.lives[i]
}

// runsFor reports whether a slot is taken for a scheduler.
func (c *Core) runsFor(s probe.SchedulerID) bool {
	return slices.ContainsFunc(c.slots, func(sl slot) bool { return sl.state != Free && sl.scheduler == s })
}

func (l *life) index(i int) int { return (l.head + i) & (len(l.ring) - 1) }

// first is the number of the oldest result that is kept.
func (l *life) first() uint64 { return l.last - uint64(l.live) + 1 }

// retain keeps the end of a slot's attempt and returns its number.
func (c *Core) retain(now time.Duration, slot uint16, status probe.Status, service time.Duration, end End) uint64 {
	sl := &c.slots[slot]
	l := c.life(sl.scheduler)
	for c.keep.results >= c.keep.maxResults || (c.keep.results > 0 && c.keep.bytes+len(end.Body) > c.keep.maxBytes) {
		c.dropOldest()
	}
	if l.live == len(l.ring) {
		ring := make([]result, max(2*len(l.ring), minRing))
		for i := range l.live {
			ring[i] = l.ring[l.index(i)]
		}
		l.ring, l.head = ring, 0
	}
	l.ring[l.index(l.live)] = result{
		job: c.keep.held[slot].job, ref: sl.ref, at: now, service: service, body: l.own(end.Body, end.Owned),
		call: sl.call, task: sl.task, slot: slot, attempt: sl.attempt, status: status,
	}
	l.live++
	l.last++
	c.keep.results++
	c.keep.bytes += len(end.Body)
	c.keep.due = min(c.keep.due, after(now, c.keep.ttl))
	return l.last
}

// own returns a body in memory that stays as it is.
func (l *life) own(body []byte, owned bool) []byte {
	switch {
	case len(body) == 0:
		return nil
	case owned:
		return body
	case len(body) > smallBody:
		return slices.Clone(body)
	}
	if cap(l.piece)-len(l.piece) < len(body) {
		l.piece = make([]byte, 0, pieceSize)
	}
	from := len(l.piece)
	l.piece = append(l.piece, body...)
	return l.piece[from:len(l.piece):len(l.piece)]
}

// shift lets go of a life's oldest result.
func (c *Core) shift(l *life) {
	r := &l.ring[l.head]
	c.keep.results--
	c.keep.bytes -= len(r.body)
	r.body = nil
	l.head = l.index(1)
	l.live--
	if l.live == 0 {
		l.piece = nil
		if len(l.ring) > keepResults {
			l.ring, l.head = nil, 0
		}
	}
}

// keepResults is the largest ring that is kept empty for the results to come.
const keepResults = 1 << 10

// dropOldest lets go of the oldest result of all, acknowledged or not.
func (c *Core) dropOldest() {
	var oldest *life
	for _, l := range c.keep.lives {
		if l.live > 0 && (oldest == nil || l.ring[l.head].at < oldest.ring[oldest.head].at) {
			oldest = l
		}
	}
	oldest.gone = oldest.first()
	c.stats.ResultsDropped++
	c.shift(oldest)
}

// expireResults lets go of results that nobody has acknowledged in time.
func (c *Core) expireResults(now time.Duration) {
	c.keep.due = never
	for _, l := range c.keep.lives {
		for l.live > 0 && after(l.ring[l.head].at, c.keep.ttl) <= now {
			l.gone = l.first()
			c.stats.ResultsDropped++
			c.shift(l)
		}
		if l.live > 0 {
			c.keep.due = min(c.keep.due, after(l.ring[l.head].at, c.keep.ttl))
		}
	}
}

// Ack takes a scheduler's word that results up to m.Seq have reached their clients: they are kept no longer.
func (c *Core) Ack(_ time.Duration, s probe.SchedulerID, m probe.Ack) {
	l := c.life(s)
	if l == nil || m.Seq > l.last || !l.up {
		c.stats.StaleAcks++
		return
	}
	for l.live > 0 && l.first() <= m.Seq {
		c.shift(l)
	}
	if l.gone <= m.Seq {
		l.gone = 0
	}
}

// Body returns what belongs to an [EffectFound] that the core has just given out: valid until its next call.
func (c *Core) Body(e *Effect) []byte {
	l := c.life(e.Holder)
	return l.ring[l.index(int(e.Seq-l.first()))].body
}

// found says a result of a life that is kept to a scheduler.
func found(out []Effect, s probe.SchedulerID, ref probe.Ref, l *life, i int) []Effect {
	r := &l.ring[l.index(i)]
	return append(out, Effect{
		Kind: EffectFound, Scheduler: s, Slot: r.slot, Call: r.call, Ref: ref, Task: r.task, Attempt: r.attempt,
		Status: r.status, Service: r.service, Seq: l.first() + uint64(i), Holder: l.id,
	})
}
