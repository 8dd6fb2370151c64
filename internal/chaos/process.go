package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"dunnock/internal/chaos/lab"
	"dunnock/internal/chaos/ledger"
)

// What a process is, in the ledgers.
const (
	roleScheduler = "scheduler"
	roleWorker    = "worker"
	roleCommand   = "command-worker" // a worker whose tasks are commands
	roleClient    = "client"
	roleReader    = "reader"
)

// process is one node or client of the run, through all its lives.
type process struct {
	name, role string
	slots      int
	host       *lab.Host
	books      *ledger.Writer
	dir        string
	newLife    func() int
	// argv is the command line of a life.
	argv func(life int) []string

	mu sync.Mutex // guards what follows
	// died is called when the process has ended though nobody had ended it; nil if that must not be.
	died    func(*process)
	cmd     *exec.Cmd
	life    int
	planned bool          // its end is our doing
	ready   chan struct{} // closed when it said so
	ended   chan struct{} // closed when it has ended and that is in the books
	fault   error         // how
}

// readyLimit bounds the start of a process. On two busy cores fifty that start at once take some seconds.
const readyLimit = 2 * time.Minute

// start starts the next life. It does not wait until that is ready.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(p.dir, p.name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	p.life = p.newLife()
	p.planned, p.fault = false, nil
	p.ready, p.ended = make(chan struct{}), make(chan struct{})
	argv := p.argv(p.life)
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // ourselves, or the program under test; ended by signals of our choice
	p.cmd.Stdout, p.cmd.Stderr = &announcement{ready: p.ready}, log
	p.cmd.WaitDelay = time.Second
	up := ledger.Record{At: ledger.Now(), Event: ledger.Up, Node: p.name, Life: p.life, Role: p.role, Slots: p.slots}
	if err := p.books.Append(up); err != nil {
		return err
	}
	if err := p.host.Start(p.cmd); err != nil {
		close(p.ended)
		return fmt.Errorf("%s: %w", p.name, err)
	}
	go p.await(p.cmd, p.life, p.ended)
	return nil
}

// await writes down the end of a life.
func (p *process) await(cmd *exec.Cmd, life int, ended chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	planned, died := p.planned, p.died
	p.fault = err
	p.mu.Unlock()
	down := ledger.Record{At: ledger.Now(), Event: ledger.Down, Node: p.name, Life: life, Result: cmd.ProcessState.String(), Planned: planned || died != nil}
	if err := p.books.Append(down); err != nil {
		fmt.Fprintln(os.Stderr, "chaos: ledger:", err)
	}
	close(ended)
	if !planned && died != nil {
		died(p)
	}
}

// awaitReady waits until the process says that it is ready.
func (p *process) awaitReady(ctx context.Context) error {
	p.mu.Lock()
	ready, ended := p.ready, p.ended
	p.mu.Unlock()
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	select {
	case <-ready:
		return nil
	case <-ended:
		return fmt.Errorf("%s ended before it was ready; see %s", p.name, filepath.Join(p.dir, p.name+".log"))
	case <-limit.C:
		return fmt.Errorf("%s was not ready within %v", p.name, readyLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pid is the process's number, 0 if it does not run.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return 0
	}
	select {
	case <-p.ended:
		return 0
	default:
		return p.cmd.Process.Pid
	}
}

// signal sends a signal; none if the process has ended.
func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %v: %w", p.name, sig, err)
	}
	return nil
}

// plan says that the end of this life is our doing.
func (p *process) plan() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned = true
}

// kill ends the process as a crash would, and returns when it has ended.
func (p *process) kill() error {
	p.plan()
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	return p.awaitEnd(context.Background(), readyLimit)
}

// leave asks the process to end, and returns when it has, or an error when it has not within drainLimit or not well.
func (p *process) leave(ctx context.Context) error {
	if err := p.askToLeave(); err != nil {
		return err
	}
	return p.left(ctx, drainLimit)
}

// askToLeave is to be said once: a second time may come just when the process has left off listening, and would end it
// not well.
func (p *process) askToLeave() error {
	p.plan()
	return p.signal(syscall.SIGTERM)
}

// left waits for the end of a process that was asked to leave.
func (p *process) left(ctx context.Context, limit time.Duration) error {
	if err := p.awaitEnd(ctx, limit); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		return fmt.Errorf("%s was asked to leave and ended with %w", p.name, p.fault)
	}
	return nil
}

// awaitEnd waits until the process has ended.
func (p *process) awaitEnd(ctx context.Context, limit time.Duration) error {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended == nil {
		return nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s has not ended within %v", p.name, limit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// announcement is standard output of a process, in which the word "ready" is looked for.
type announcement struct {
	ready chan struct{}
	seen  []byte
	found bool
}

// Write takes a piece of it. A process that talks on is not kept.
func (a *announcement) Write(b []byte) (int, error) {
	if !a.found {
		a.seen = append(a.seen, b...)
		if bytes.Contains(a.seen, []byte(" ready")) {
			a.found, a.seen = true, nil
			close(a.ready)
		}
	}
	return len(b), nil
}
