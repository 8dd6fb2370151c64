package sim

import "testing"

// TestADeliveredMessageOutlivesSends: a policy may send while it looks at a message, however full the ring is.
func TestADeliveredMessageOutlivesSends(t *testing.T) {
	t.Parallel()
	for waiting := range 200 {
		r := newRing()
		for i := range uint32(waiting + 1) {
			r.push().message = Message{Worker: i}
		}
		m := &r.pop().message
		for range 70 {
			r.push().message = Message{Worker: 1000}
		}
		if m.Worker != 0 {
			t.Fatalf("%d more are on their way, and the message became another one: worker %d", waiting, m.Worker)
		}
		for i := range uint32(waiting) {
			if got := r.pop().message.Worker; got != i+1 {
				t.Fatalf("%d more are on their way: message %d is %d", waiting, i+1, got)
			}
		}
	}
}
