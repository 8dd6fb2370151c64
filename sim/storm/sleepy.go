package storm

import "time"

// makeSleepy makes a fleet of one seed in twenty one in which clients only are stopped, again and again, for so long
// that their jobs are given up while ends of attempts are on their way, and who are then back in time for all that is
// kept for them.
func (p *Plan) makeSleepy() {
	d := newDice(p.Seed, 8<<32)
	if p.Sleepy = d.permille(50); !p.Sleepy {
		return
	}
	p.Faults, p.Odd, p.Wild, p.Spikes, p.Black = [faults]int{}, [oddities]int{}, 0, 0, 0
	p.Faults[faultStopClient] = d.between(6, 20)
	p.Schedulers, p.Clients = d.between(2, 4), d.between(2, 3)
	p.Storm, p.Lease = d.within(8*time.Second, 12*time.Second), 300*time.Millisecond
	p.Delay, p.Service = d.within(2*time.Millisecond, 5*time.Millisecond), d.spread(10*time.Millisecond, 400*time.Millisecond)
	p.Workers, p.Slots, p.Jobs, p.MostTasks = d.between(6, 10), 4, d.between(30, 60), 20
	p.configure(d)
	p.placement.ClaimWait = 100 * time.Millisecond
	p.queue.ResultTTL, p.ack.KeepFor = 30*time.Second, 20*time.Second
	p.queue.MaxResults, p.queue.MaxResultBytes, p.queue.MaxReservations = 0, 0, 0
	p.ack.MaxKept, p.ack.MaxKeptBytes, p.placement.MaxQueueTime = 0, 0, 0
	p.ack.Every, p.Unread = 1, 1<<20 // what nobody keeps is forgotten at once
}
