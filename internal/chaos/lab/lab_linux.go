package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MaxHosts is how many hosts a lab can have.
const MaxHosts = 250

// Lab is one private network.
type Lab struct {
	net   *packetSwitch
	chore chan func() // run on the one thread that enters namespaces
	done  chan error  // closed when the switch has ended
	wg    sync.WaitGroup

	mu    sync.Mutex // guards what follows
	hosts []*Host
}

// Host is one network namespace.
type Host struct {
	Name string
	Addr netip.Addr

	lab *Lab
	ns  int // descriptor
}

// New makes an empty network. seed is for the rules that leave it to chance. The error says what the machine does not
// allow. [Lab.Close] ends it.
func New(seed uint64) (*Lab, error) {
	s, err := newSwitch(seed)
	if err != nil {
		return nil, err
	}
	l := &Lab{net: s, chore: make(chan func()), done: make(chan error, 1)}
	l.wg.Go(l.enter)
	l.wg.Go(func() {
		l.done <- l.net.run()
		close(l.done)
	})
	// Whether it works here, one only finds out by trying.
	if _, err := l.Host("probe"); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// enter runs chores on one thread. It is the parent of all processes that are started on hosts, and they are told to
// die with it. The thread is never unlocked, so that it ends with this goroutine and no other gets it in some
// namespace.
func (l *Lab) enter() {
	runtime.LockOSThread()
	for f := range l.chore {
		f()
	}
}

// do runs f on that thread.
func (l *Lab) do(f func() error) error {
	err := make(chan error, 1)
	l.chore <- func() { err <- f() }
	return <-err
}

// Close ends the network. Processes on hosts that still run are killed.
func (l *Lab) Close() error {
	l.net.stop()
	err := <-l.done
	close(l.chore)
	l.wg.Wait()
	for _, h := range l.hosts {
		err = errors.Join(err, unix.Close(h.ns))
	}
	return errors.Join(err, l.net.close())
}

// Host adds a host. Its name is for messages.
func (l *Lab) Host(name string) (*Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.hosts) == MaxHosts {
		return nil, fmt.Errorf("a network of more than %d hosts", MaxHosts)
	}
	h := &Host{Name: name, Addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(1 + len(l.hosts))}), lab: l, ns: -1}
	if err := l.do(h.open); err != nil {
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// open makes the namespace and its device. It runs on the thread of [Lab.enter], which stays in the new namespace.
func (h *Host) open() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("a network namespace: %w", err)
	}
	ns, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/proc/thread-self/ns/net: %w", err)
	}
	tun, err := openTUN(h.Addr)
	if err != nil {
		return errors.Join(err, unix.Close(ns))
	}
	if err := h.lab.net.connect(number(h.Addr), tun); err != nil {
		return errors.Join(err, unix.Close(ns), unix.Close(tun))
	}
	h.ns = ns
	return nil
}

// openTUN makes the device of the current namespace and gives it its address.
func openTUN(addr netip.Addr) (fd int, err error) {
	const name = "tun0"
	fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/net/tun: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	device, err := unix.NewIfreq(name)
	if err != nil {
		return -1, err
	}
	device.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, device); err != nil {
		return -1, fmt.Errorf("a TUN device: %w", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("a socket: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(s)) }()
	a := addr.As4()
	for _, step := range []struct {
		what, device string
		request      uint
		set          func(*unix.Ifreq) error
	}{
		{"address", name, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(a[:]) }},
		{"netmask", name, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{"MTU", name, unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(maxPacket); return nil }},
		{"flags", name, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP); return nil }},
		{"flags", "lo", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP); return nil }},
	} {
		r, err := unix.NewIfreq(step.device)
		if err != nil {
			return -1, err
		}
		if err := step.set(r); err != nil {
			return -1, err
		}
		if err := unix.IoctlIfreq(s, step.request, r); err != nil {
			return -1, fmt.Errorf("%s of %s: %w", step.what, step.device, err)
		}
	}
	return fd, nil
}

// Start starts a command on the host, in a process group of its own so that a Ctrl-C does not reach it. It is killed
// when this process ends.
func (h *Host) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return h.lab.do(func() error {
		if err := unix.Setns(h.ns, unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return cmd.Start()
	})
}

// Dial connects from the host, whatever the rules say when it is to the host itself. The network must be "tcp" and the
// address numeric.
func (h *Host) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	var fd int
	err = h.lab.do(func() error { // only the making of the socket, which stays in its namespace
		if err := unix.Setns(h.ns, unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return nil, err
	}
	timeout := unix.NsecToTimeval(int64(dialTimeout))
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout) // bounds connect; without it the kernel's own limit holds
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return nil, errors.Join(os.NewSyscallError("connect", err), unix.Close(fd))
	}
	f := os.NewFile(uintptr(fd), addr)
	defer func() { _ = f.Close() }() // the connection has a descriptor of its own
	return net.FileConn(f)
}

const dialTimeout = time.Second

// Applied is a rule in force.
type Applied struct {
	l *Lab
	r *rule
}

// Apply puts a rule behind those in force.
func (l *Lab) Apply(r Rule) *Applied {
	a := &Applied{l: l, r: newRule(r)}
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.net.rules = append(l.net.rules, a.r)
	return a
}

// Lift takes the rule back. Packets that it holds back still arrive.
func (a *Applied) Lift() {
	a.l.net.mu.Lock()
	defer a.l.net.mu.Unlock()
	a.l.net.rules = slices.DeleteFunc(a.l.net.rules, func(r *rule) bool { return r == a.r })
}

// Dropped is how many packets the rule has dropped.
func (a *Applied) Dropped() uint64 {
	a.l.net.mu.Lock()
	defer a.l.net.mu.Unlock()
	return a.r.dropped
}

// Reopened is when the first new connection was opened under an Established rule; false if none was.
func (a *Applied) Reopened() (time.Time, bool) {
	a.l.net.mu.Lock()
	defer a.l.net.mu.Unlock()
	return a.r.first, !a.r.first.IsZero()
}
