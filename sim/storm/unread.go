package storm

import (
	"time"
)

// Of a job whose clients have too much to read, nothing is launched.

// result is one that a scheduler has sent to a client.
type result struct {
	of    *heldJob
	bytes int
	read  bool // the client has it, or is gone
}

// sentTo notes that a client has one more result to read.
func (b *book) sentTo(r *result) {
	h := r.of
	if h.unread += r.bytes; h.unread > int(b.w.plan.Unread) && h.unreadOver == 0 {
		h.unreadOver = b.w.now
	}
}

// hasRead notes that a client has a result, or is gone.
func (b *book) hasRead(r *result) {
	if r.read {
		return
	}
	r.read = true
	h := r.of
	if h.unread -= r.bytes; h.unread <= int(b.w.plan.Unread) {
		h.unreadOver = 0
	}
}

// launch is one launch of a task.
type launch struct {
	k       *worker
	at      time.Duration
	attempt uint16
}

// launched judges a launch by what the clients of its job have to read. The answer to a call may be repeated at any
// time.
func (b *book) launched(s *scheduler, k *worker, h *heldJob, i uint32, attempt uint16) {
	repeated := h.launched[i].attempt == attempt
	h.launched[i] = launch{k, b.w.now, attempt}
	if over := h.unreadOver; over > 0 && b.w.now > over && !repeated {
		b.w.fail("job %d, task %d: %s launches it, though its clients have %d bytes to read since %v, and %d are the limit",
			h.job.index, i, b.w.name(s.node), h.unread, over, b.w.plan.Unread)
	}
}
