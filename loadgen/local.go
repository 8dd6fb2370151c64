package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dunnock/internal/api"
	"dunnock/loadgen/workload"
	"dunnock/probe"
)

// Bounds of a [LocalConfig].
const (
	MaxLocalSchedulers = 64
	MaxLocalWorkers    = 512
)

const (
	localStart = 60 * time.Second      // until all nodes are connected
	localPoll  = 50 * time.Millisecond // between looks whether they are
	localStop  = 3 * time.Second       // from SIGTERM to SIGKILL
	localTail  = 2048                  // bytes of a node's standard error that are kept
)

// LocalConfig is a fleet of processes on loopback.
type LocalConfig struct {
	// Executable is the dunnock binary.
	Executable string
	Schedulers int    // 1 to MaxLocalSchedulers
	Workers    int    // 1 to MaxLocalWorkers
	Slots      int    // of each worker
	Policy     string // of the schedulers; empty: their default
	// Nodes is what each worker has beside slots; nil: nothing, else one a worker.
	Nodes []workload.Node
	// WorkerFlags are further flags of every worker.
	WorkerFlags []string
	Logger      *slog.Logger
}

// Validate reports all faults at once.
func (c *LocalConfig) Validate() error {
	var faults []error
	count := func(name string, n, most int) {
		if n < 1 || n > most {
			faults = append(faults, fmt.Errorf("%s: want 1 to %d, got %d", name, most, n))
		}
	}
	count("schedulers", c.Schedulers, MaxLocalSchedulers)
	count("workers", c.Workers, MaxLocalWorkers)
	count("slots", c.Slots, probe.MaxSlots)
	if c.Nodes != nil && len(c.Nodes) != c.Workers {
		faults = append(faults, fmt.Errorf("nodes: want one a worker, which are %d, got %d", c.Workers, len(c.Nodes)))
	}
	return errors.Join(faults...)
}

// Local is a fleet of processes that ends with its [Local.Stop], or with this process, however that ends.
type Local struct {
	cfg   LocalConfig
	fleet string // its name
	nodes []*localNode

	stop    chan struct{} // closed by Stop
	stopped chan struct{} // closed when all processes have ended

	mu       sync.Mutex // guards what follows
	stopping bool
}

// localNode is one process.
type localNode struct {
	role, name   string
	cmd          *exec.Cmd
	tail         tail
	http, gossip string        // set before announced is closed
	announced    chan struct{} // closed when it is ready
	ended        chan struct{} // closed when it has
}

// StartLocal starts a fleet and returns when every scheduler is connected to every worker. The workers have the
// built-in apps.
func StartLocal(ctx context.Context, cfg LocalConfig) (*Local, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &Local{
		cfg: cfg, fleet: fmt.Sprintf("loadgen-%08x", rand.Uint32()), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	ctx, cancel := context.WithTimeoutCause(ctx, localStart, fmt.Errorf("not all nodes were connected within %v", localStart))
	defer cancel()
	started := make(chan error, 1)
	go l.own(ctx, started)
	err := <-started
	if err == nil {
		err = l.connected(ctx)
	}
	if err != nil {
		l.Stop()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("the local fleet did not start: %w", err)
	}
	return l, nil
}

// own starts the processes and stays until they have ended. It is bound to its thread, because a process is told of its
// parent's death when the thread ends that started it.
func (l *Local) own(ctx context.Context, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(l.stopped)
	started <- l.startAll(ctx)
	<-l.stop
	for _, n := range l.nodes {
		_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	}
	patience := time.NewTimer(localStop)
	defer patience.Stop()
	for _, n := range l.nodes {
		select {
		case <-n.ended:
		case <-patience.C:
			for _, n := range l.nodes {
				_ = n.cmd.Process.Kill() // likewise
			}
			<-n.ended
		}
	}
}

// startAll starts one scheduler, then all other nodes, which join through it.
func (l *Local) startAll(ctx context.Context) error {
	first, err := l.start("scheduler", "s1", "", nil)
	if err != nil {
		return err
	}
	if err := first.ready(ctx); err != nil {
		return err
	}
	for i := 1; i < l.cfg.Schedulers; i++ {
		if _, err := l.start("scheduler", "s"+strconv.Itoa(i+1), first.gossip, nil); err != nil {
			return err
		}
	}
	for i := range l.cfg.Workers {
		if _, err := l.start("worker", "w"+strconv.Itoa(i+1), first.gossip, l.nodeFlags(i)); err != nil {
			return err
		}
	}
	for _, n := range l.nodes[1:] {
		if err := n.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nodeFlags gives a worker what it has.
func (l *Local) nodeFlags(worker int) (flags []string) {
	if l.cfg.Nodes == nil {
		return nil
	}
	n := &l.cfg.Nodes[worker]
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		if key == "zone" {
			flags = append(flags, "--zone", n.Labels[key])
		} else {
			flags = append(flags, "--label", key+"="+n.Labels[key])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Resources)) {
		flags = append(flags, "--resource", name+"="+strconv.FormatUint(uint64(n.Resources[name]), 10))
	}
	return flags
}

// start starts one process, with further flags, and follows it to its end.
func (l *Local) start(role, name, join string, flags []string) (*localNode, error) {
	args := []string{role, "--name", name, "--fleet", l.fleet, "--drain-timeout", "1s", "--log-level", "warn"}
	if join != "" {
		args = append(args, "--join", join)
	}
	switch {
	case role == "worker":
		args = append(append(args, "--builtin", "--slots", strconv.Itoa(l.cfg.Slots)), l.cfg.WorkerFlags...)
	case l.cfg.Policy != "":
		args = append(args, "--policy", l.cfg.Policy)
	}
	args = append(args, flags...)
	n := &localNode{role: role, name: name, announced: make(chan struct{}), ended: make(chan struct{})}
	n.cmd = exec.Command(l.cfg.Executable, args...) //nolint:gosec,noctx // itself; and it is ended by Stop, gently
	n.cmd.Args[0] = "dunnock"
	n.cmd.Stderr = &n.tail
	n.cmd.SysProcAttr = localProcess()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DUNNOCK_") { // what is meant for the generator must not configure the fleet
			n.cmd.Env = append(n.cmd.Env, v)
		}
	}
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", role, name, err)
	}
	l.nodes = append(l.nodes, n)
	go l.follow(n, out)
	return n, nil
}

// follow reads what a process says, and waits for its end.
func (l *Local) follow(n *localNode, out io.Reader) {
	defer close(n.ended)
	in := bufio.NewReader(out)
	line, _ := in.ReadString('\n') // a process that says nothing has ended
	if _, err := fmt.Sscanf(line, n.role+" "+n.name+" ready http=%s gossip=%s", &n.http, &n.gossip); err == nil {
		close(n.announced)
	}
	_, _ = io.Copy(io.Discard, in) // until it ends
	err := n.cmd.Wait()
	l.mu.Lock()
	stopping := l.stopping
	l.mu.Unlock()
	if !stopping {
		l.cfg.Logger.Error("a node of the local fleet has ended", slog.String("role", n.role), slog.String("name", n.name),
			slog.Any("error", err), slog.String("stderr", n.tail.lastLine()))
	}
}

// ready waits until the node has announced its addresses.
func (n *localNode) ready(ctx context.Context) error {
	select {
	case <-n.announced:
		return nil
	case <-n.ended:
		return fmt.Errorf("%s %s ended before it was ready: %s", n.role, n.name, n.tail.lastLine())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connected waits until every scheduler is connected to every worker.
func (l *Local) connected(ctx context.Context) error {
	for _, n := range l.nodes[:l.cfg.Schedulers] {
		c, err := api.NewCaller(n.http)
		if err != nil {
			return err
		}
		for {
			f, err := c.Fleet(ctx)
			if err == nil && f.Connected == l.cfg.Workers && f.Schedulers == l.cfg.Schedulers {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(localPoll):
			}
		}
	}
	return nil
}

// Schedulers returns the URLs of the schedulers.
func (l *Local) Schedulers() []string {
	urls := make([]string, l.cfg.Schedulers)
	for i := range urls {
		urls[i] = l.nodes[i].http
	}
	return urls
}

// CPU returns the processor time that all processes have used so far.
func (l *Local) CPU() (time.Duration, error) {
	total := time.Duration(0)
	for _, n := range l.nodes {
		cpu, err := cpuOf(n.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		total += cpu
	}
	return total, nil
}

// Stop ends the processes, each by its own id, and returns when they have. Later calls do nothing.
func (l *Local) Stop() {
	l.mu.Lock()
	if !l.stopping {
		l.stopping = true
		close(l.stop)
	}
	l.mu.Unlock()
	<-l.stopped
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - localTail; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

// lastLine returns the last line that was written.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.text))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

var _ io.Writer = (*tail)(nil)
