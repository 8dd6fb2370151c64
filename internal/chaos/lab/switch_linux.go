package lab

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxDelayed bounds the packets that are held back at once; more are dropped, as a router does.
const maxDelayed = 1 << 16

// maxPacket is the largest packet that a host sends. Larger than on most networks, so that fewer of them cross the
// switch.
const maxPacket = 9000

// packetSwitch carries packets between TUN devices. One thread does all of it, so a packet costs two system calls and
// no wake-up of a goroutine.
type packetSwitch struct {
	epoll, wake int // the wake descriptor ends run

	mu    sync.Mutex // guards what follows; held while one packet is decided
	ports map[uint32]int
	rules []*rule
	rng   *rand.Rand

	delayed delayed // of run alone
}

func newSwitch(seed uint64) (*packetSwitch, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("eventfd: %w", err), unix.Close(epoll))
	}
	s := &packetSwitch{epoll: epoll, wake: wake, ports: map[uint32]int{}, rng: rand.New(rand.NewPCG(seed, 1))}
	if err := s.watch(wake); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *packetSwitch) watch(fd int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// connect adds a host's device, which must not block.
func (s *packetSwitch) connect(addr uint32, fd int) error {
	s.mu.Lock()
	s.ports[addr] = fd
	s.mu.Unlock()
	return s.watch(fd)
}

// stop makes run return.
func (s *packetSwitch) stop() { _, _ = unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// close gives the descriptors back. run has returned.
func (s *packetSwitch) close() error {
	err := errors.Join(unix.Close(s.epoll), unix.Close(s.wake))
	for _, fd := range s.ports {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// run carries packets until stop.
func (s *packetSwitch) run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Where it may, the switch goes before the processes that it serves: a network does not slow down when their
	// machines are busy.
	if unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -10) == nil {
		defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 0) }()
	}
	events := make([]unix.EpollEvent, 64)
	buf := make([]byte, 1<<16)
	for {
		n, err := unix.EpollWait(s.epoll, events, s.delayed.wait(time.Now()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for i := range max(n, 0) {
			fd := int(events[i].Fd)
			if fd == s.wake {
				return nil
			}
			s.drain(fd, buf)
		}
		s.release(time.Now())
	}
}

// drain takes the packets that a host has sent, some at a time so that all hosts have their turn.
func (s *packetSwitch) drain(fd int, buf []byte) {
	for range 64 {
		n, err := unix.Read(fd, buf)
		if err != nil || n <= 0 {
			return
		}
		p, ok := parse(buf[:n])
		if !ok {
			continue // IPv6 neighbours and the like
		}
		now := time.Now()
		s.mu.Lock()
		out, there := s.ports[p.to]
		f := decide(s.rules, &p, now, s.rng.Float64)
		s.mu.Unlock()
		if !there || f.drop {
			continue
		}
		if len(f.delays) == 0 {
			_, _ = unix.Write(out, buf[:n]) // a full device drops
		}
		for _, d := range f.delays {
			if len(s.delayed) < maxDelayed {
				heap.Push(&s.delayed, held{at: now.Add(d), fd: out, bytes: append([]byte(nil), buf[:n]...)})
			}
		}
	}
}

// release sends what has been held back long enough.
func (s *packetSwitch) release(now time.Time) {
	for len(s.delayed) > 0 && !s.delayed[0].at.After(now) {
		h := heap.Pop(&s.delayed).(held) //nolint:forcetypeassert // the heap holds nothing else
		_, _ = unix.Write(h.fd, h.bytes)
	}
}

// held is a packet that waits for its time.
type held struct {
	at    time.Time
	fd    int
	bytes []byte
}

// delayed is a heap by time.
type delayed []held

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d delayed) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delayed) Push(x any)        { *d = append(*d, x.(held)) } //nolint:forcetypeassert // as above

// Pop is for package heap.
func (d *delayed) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// wait is how many milliseconds may pass until the next packet is due; −1 if none is held.
func (d delayed) wait(now time.Time) int {
	if len(d) == 0 {
		return -1
	}
	return int(max(d[0].at.Sub(now)+time.Millisecond-1, 0) / time.Millisecond)
}
