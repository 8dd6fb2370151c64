package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"dunnock/internal/chaos/lab"
	"dunnock/internal/chaos/ledger"
)

// Ports of every node; each has an address of its own.
const (
	httpPort   = 7070
	gossipPort = 7946
)

// fleet is the processes of a run and what they share.
type fleet struct {
	o     *options
	lab   *lab.Lab
	self  string // this program
	dir   string
	books *ledger.Writer // the harness's own
	lives atomic.Int64

	schedulers, workers, clients []*process

	mu    sync.Mutex // guards what follows
	hosts map[string]*lab.Host
	all   []*process
}

// Files of a run, in its directory.
func (f *fleet) path(name string) string { return filepath.Join(f.dir, name) }

// The ledgers, by who writes them.
const (
	booksOfHarness = "harness.ledger"
	booksOfWorkers = "workers.ledger"
	booksOfClients = "clients.ledger"
)

// newFleet makes hosts and processes and starts none.
func newFleet(o *options, l *lab.Lab, dir string) (*fleet, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &fleet{o: o, lab: l, self: self, dir: dir, hosts: map[string]*lab.Host{}}
	if f.books, err = ledger.Open(f.path(booksOfHarness)); err != nil {
		return nil, err
	}
	// A scheduler's address must be known before anybody starts.
	names := slices.Concat(nodeNames("s", o.scheduler), nodeNames("w", o.workers), nodeNames("c", o.clients))
	for _, name := range names {
		if err := f.addHost(name); err != nil {
			return nil, err
		}
	}
	for _, name := range nodeNames("s", o.scheduler) {
		f.schedulers = append(f.schedulers, f.newScheduler(name))
	}
	for _, name := range nodeNames("w", o.workers) {
		f.workers = append(f.workers, f.newWorker(name, false))
	}
	f.workers[len(f.workers)-1] = f.newCommandWorker(f.workers[len(f.workers)-1].name)
	for _, name := range nodeNames("c", o.clients) {
		each := o.load
		each.rate /= float64(o.clients)
		// The last of several does without the Go client.
		plain := o.clients > 1 && len(f.clients) == o.clients-1
		f.clients = append(f.clients, f.newClient(name, each, "--plain="+strconv.FormatBool(plain)))
	}
	return f, nil
}

// addHost makes the host of that name, unless there is one: whoever comes twice under one name has one address.
func (f *fleet) addHost(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hosts[name] != nil {
		return nil
	}
	h, err := f.lab.Host(name)
	if err == nil {
		f.hosts[name] = h
	}
	return err
}

// addr is an address of a node that has a host.
func (f *fleet) addr(name string, port uint16) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return netip.AddrPortFrom(f.hosts[name].Addr, port).String()
}

// schedulerAddrs lists the schedulers' addresses.
func (f *fleet) schedulerAddrs(port uint16) []string {
	addrs := make([]string, 0, f.o.scheduler)
	for _, name := range nodeNames("s", f.o.scheduler) {
		addrs = append(addrs, f.addr(name, port))
	}
	return addrs
}

// process fills in what all processes have. The host must exist.
func (f *fleet) process(name, role string, slots int, argv func(life int) []string) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &process{
		name: name, role: role, slots: slots, host: f.hosts[name], books: f.books, dir: f.dir, argv: argv,
		newLife: func() int { return int(f.lives.Add(1)) },
	}
	f.all = append(f.all, p)
	return p
}

// node is the part of a command line that all nodes have.
func (f *fleet) node(name string) []string {
	args := []string{"--name", name, "--http", f.addr(name, httpPort), "--gossip", f.addr(name, gossipPort)}
	return args
}

func (f *fleet) newScheduler(name string) *process {
	return f.process(name, roleScheduler, 0, func(int) []string {
		argv := append([]string{f.o.dunnock, "scheduler", "--insecure"}, f.node(name)...)
		if f.o.policy != "" {
			argv = append(argv, "--policy", f.o.policy)
		}
		for _, a := range f.schedulerAddrs(gossipPort) {
			if a != f.addr(name, gossipPort) {
				argv = append(argv, "--join", a)
			}
		}
		return argv
	})
}

func (f *fleet) newWorker(name string, fails bool) *process {
	return f.process(name, roleWorker, f.o.slots, func(life int) []string {
		return append([]string{
			f.self, "worker", "--life", strconv.Itoa(life), "--ledger", f.path(booksOfWorkers), "--slots", strconv.Itoa(f.o.slots),
			"--join", strings.Join(f.schedulerAddrs(gossipPort), ","), "--fails=" + strconv.FormatBool(fails),
		}, f.node(name)...)
	})
}

// newCommandWorker is 'dunnock worker' as a user runs it. Each of its attempts is a process, which costs far more than
// the others' do, so it has one slot.
func (f *fleet) newCommandWorker(name string) *process {
	const slots = 1
	return f.process(name, roleCommand, slots, func(life int) []string {
		argv := append([]string{f.o.dunnock, "worker", "--insecure", "--slots", strconv.Itoa(slots)}, f.node(name)...)
		for _, a := range f.schedulerAddrs(gossipPort) {
			argv = append(argv, "--join", a)
		}
		return append(argv, "--app", fmt.Sprintf("%s=exec:%q task --name %s --life %d --ledger %q", appWork, f.self, name, life, f.path(booksOfWorkers)))
	})
}

func (f *fleet) newClient(name string, l load, extra ...string) *process {
	return f.process(name, roleClient, 0, func(life int) []string {
		return append([]string{
			f.self, "client", "--name", name, "--life", strconv.Itoa(life), "--ledger", f.path(booksOfClients),
			"--schedulers", strings.Join(f.schedulerAddrs(httpPort), ","), "--seed", strconv.FormatUint(f.o.seed, 10),
			"--rate", strconv.FormatFloat(l.rate, 'g', -1, 64), "--tasks", strconv.Itoa(l.tasks),
			"--shortest", l.shortest.String(), "--longest", l.longest.String(),
			"--once", strconv.FormatFloat(l.once, 'g', -1, 64), "--deadline", l.deadline.String(),
		}, extra...)
	})
}

// named finds a process of the fleet's own, nil if there is none.
func (f *fleet) named(name string) *process {
	for _, p := range slices.Concat(f.schedulers, f.workers, f.clients) {
		if p.name == name {
			return p
		}
	}
	return nil
}

// startAll starts processes at once and waits until all are ready.
func startAll(ctx context.Context, of []*process) error {
	var fault error
	for _, p := range of {
		fault = errors.Join(fault, p.start())
	}
	if fault != nil {
		return fault
	}
	for _, p := range of {
		fault = errors.Join(fault, p.awaitReady(ctx))
	}
	return fault
}

// close kills what still runs and closes the books.
func (f *fleet) close() error {
	var fault error
	f.mu.Lock()
	all := slices.Clone(f.all)
	f.mu.Unlock()
	for _, p := range all {
		if p.pid() != 0 {
			fault = errors.Join(fault, p.kill())
		}
	}
	return errors.Join(fault, f.books.Close())
}
