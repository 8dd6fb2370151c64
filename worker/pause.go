package worker

import (
	"errors"
	"log/slog"
	"time"

	"dunnock/internal/stream"
	"dunnock/worker/queue"
)

var errPaused = errors.New("this process stood still for so long that the scheduler may have given it up")

// newWatch makes what finds out that this process stood still: for as long as makes a difference to any scheduler that
// gives a worker two beats.
func newWatch(beat time.Duration) *stream.Watch { return stream.NewWatch(beat) }

// afterPause hangs up on the schedulers that may have given this worker up while its process stood still. What lies
// unread is of a time before that, and what it would start may run elsewhere by now; they come back, and are told what
// is here. It runs under the lock.
func (w *Worker) afterPause(now, pause time.Duration) {
	var t turn
	for _, p := range w.peers {
		// Our last beat may have gone out that long before the pause.
		if p.lease > 0 && pause > p.lease-w.cfg.Stream.BeatInterval {
			t.effects = w.drop(now, p, errPaused, t.effects)
		}
	}
	for i := range t.effects {
		w.carryOut(now, &t, &t.effects[i])
	}
	t.batch.Flush() // never waits
}

// drop hangs up on a scheduler whose connection is of no use any more, whatever lies unread on it.
func (w *Worker) drop(now time.Duration, p *peer, reason error, effects []queue.Effect) []queue.Effect {
	p.gone = reason
	p.conn.Close(reason)
	delete(w.peers, p.id)
	w.forgetHeld(p.id)
	w.lives[life{p.name, p.inc}] = lifeNumber{p.id, now}
	w.node.Logger.Info("scheduler disconnected", slog.String("scheduler", p.name), slog.Any("reason", reason))
	return w.core.SchedulerDown(now, p.id, effects)
}
