package storm

import (
	"dunnock/probe"
	"dunnock/worker/queue"
)

// A worker that has taken a claim of a job starts nothing of it any more under an earlier epoch, or for another
// scheduler: a fence. The book keeps fences of its own.

// fenceKey names a fence: of a job, in one life of a worker.
type fenceKey struct {
	worker int
	life   uint32
	job    int
}

// fence is who may start tasks of a job there: from an epoch on, and under that one only this life of a scheduler.
type fence struct {
	epoch     uint32
	scheduler int
	life      uint32
}

// claimed notes that a worker has taken a claim: from here on nothing may start there under an earlier epoch, or for
// another scheduler.
func (b *book) claimed(k *worker, p *caller, m probe.Claim, out []queue.Effect) {
	for i := range out {
		if out[i].Kind == queue.EffectDecline && out[i].Ref == m.Ref && out[i].Call == 0 {
			return
		}
	}
	if len(out) == 0 {
		return
	}
	if b.fences == nil {
		b.fences = make(map[fenceKey]fence)
	}
	s := p.s
	key := fenceKey{k.node, k.life, b.byID[m.Job].index}
	if f, ok := b.fences[key]; ok && (m.Epoch < f.epoch || m.Epoch == f.epoch && (f.scheduler != s.node || f.life != p.life)) {
		b.w.fail("job %d: %s grants epoch %d to %s behind the fence of epoch %d", key.job, b.w.name(k.node), m.Epoch, b.w.name(s.node), f.epoch)
	}
	b.fences[key] = fence{m.Epoch, s.node, p.life}
}

// judgeFence judges a start by the fence of its job at its worker.
func (b *book) judgeFence(k *worker, p *caller, t *jobTask, epoch uint32) {
	w, s, j := b.w, p.s, t.job
	f, ok := b.fences[fenceKey{k.node, k.life, j.index}]
	if ok && (epoch < f.epoch || (epoch == f.epoch && (f.scheduler != s.node || f.life != p.life))) {
		w.fail("job %d, task %d: started on %s under epoch %d of %s, behind the fence of epoch %d", j.index, t.index, w.name(k.node), epoch, w.name(s.node), f.epoch)
	}
}
