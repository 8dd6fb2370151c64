package stream

import "time"

// company is what FlushSoon knows of others who flush the same connection. FlushSoon wakes the writer goroutine, which
// lets others add their messages and writes all at once. That is worth a wake-up only where others do add something. So
// whoever was the only one aloneAfter times in a row writes by itself from then on, until another one comes meanwhile
// or within aloneTime: with few callers a short time apart, each would have a write to itself. Conn.mu guards it.
type company struct {
	asked int   // how many have asked since the writer goroutine was told
	alone int   // how often in a row that was one
	at    int64 // when one last wrote by itself; ns since Conn.origin
}

const (
	aloneAfter = 8
	aloneTime  = 50 * time.Microsecond
)

// gathered takes note of what the writer goroutine has gathered, while another one flushed or not.
func (p *company) gathered(beside bool) {
	if p.alone++; beside || p.asked > 1 {
		p.alone = 0
	}
}

// none reports whether to gather would be in vain, by what came of it the last times.
func (p *company) none(c *Conn) bool {
	if p.alone < aloneAfter {
		return false
	}
	now := c.now()
	if c.owner != nobody || now-p.at < int64(aloneTime) {
		p.alone = 0
		return false
	}
	p.at = now
	return true
}
