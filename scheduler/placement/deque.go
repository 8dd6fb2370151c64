package placement

// deque is a list that is short at one end and long at the other, or both: elements come at the back and go anywhere.
type deque[T any] struct {
	buf  []T
	head int
}

func (d *deque[T]) len() int { return len(d.buf) - d.head }

// at returns element i, from 0 at the front.
func (d *deque[T]) at(i int) *T { return &d.buf[d.head+i] }

func (d *deque[T]) push(v T) {
	if len(d.buf) == cap(d.buf) && d.head > len(d.buf)/2 {
		d.buf = d.buf[:copy(d.buf, d.buf[d.head:])]
		d.head = 0
	}
	d.buf = append(d.buf, v)
}

// shift removes the first element.
func (d *deque[T]) shift() T {
	v := d.buf[d.head]
	if d.head++; d.head == len(d.buf) {
		d.buf, d.head = d.buf[:0], 0
	}
	return v
}

// remove takes out element i, at a cost in proportion to how far it is from the back.
func (d *deque[T]) remove(i int) T {
	v := *d.at(i)
	d.buf = append(d.buf[:d.head+i], d.buf[d.head+i+1:]...)
	return v
}

// filter keeps what is good.
func (d *deque[T]) filter(good func(*T) bool) {
	kept := d.buf[:0]
	for i := d.head; i < len(d.buf); i++ {
		if good(&d.buf[i]) {
			kept = append(kept, d.buf[i])
		}
	}
	d.buf, d.head = kept, 0
}
