package ack

// Credit is how much in results of one job its clients were sent and have not read. It decides when the job is to start
// nothing more, and when it may go on: not before half of that was read, so that one that is read slowly does not stop
// and go with each result.
type Credit struct {
	unread int64
}

// Send counts a result that is sent, and reports whether there is more than the limit to read now, all in bytes.
func (c *Credit) Send(bytes, limit int64) (over bool) {
	c.unread += bytes
	return c.Over(limit)
}

// Read counts a result that was sent before and has been read, or will never be, and reports whether the job may go on.
func (c *Credit) Read(bytes, limit int64) (low bool) {
	c.unread -= bytes
	return c.unread <= Low(limit)
}

// Over reports whether there is more to read than the limit.
func (c *Credit) Over(limit int64) bool { return c.unread > limit }

// Unread is how many bytes there are to read.
func (c *Credit) Unread() int64 { return c.unread }

// Low is what may be left to read when a job goes on.
func Low(limit int64) int64 { return limit / 2 }
