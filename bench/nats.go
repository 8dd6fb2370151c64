package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const natsSubject = "work"

// natsContender is request and reply over a queue group, without JetStream, as one writes it who wants the most of it:
// the requests of a job leave together and their replies meet in one subscription.
func natsContender() contender {
	return contender{
		name: "nats", what: "NATS core over a queue group, all replies to one inbox",
		setup: "one nats-server; one connection per process, written asynchronously; a worker has a subscription for each slot, " +
			"a client one for all replies, by whose subjects it knows the tasks",
		lacks: "no retry, no cancellation, no look at who is busy: a queue group picks at random; a message that is lost is noticed by nobody",
		broker: func(ctx context.Context, _ *setup, ready func(string)) error {
			return runNATS(ctx, &server.Options{}, ready)
		},
		worker: runNATSWorker,
		client: func(_ context.Context, s *setup) (submitter, error) { return newNATSClient(s) },
	}
}

// natsRequestContender differs in its client only: a call of Conn.Request for each task, which is what the
// documentation shows.
func natsRequestContender() contender {
	c := natsContender()
	c.name, c.what = "nats-request", "NATS core over a queue group, a Request per task"
	c.setup = "one nats-server; one connection per process; a worker has a subscription for each slot; `Conn.RequestWithContext` in a goroutine for each task"
	c.lacks = "no retry, no cancellation, no look at who is busy: a queue group picks at random"
	c.client = func(_ context.Context, s *setup) (submitter, error) {
		nc, err := connectNATS(s)
		return &natsRequestClient{nc}, err
	}
	return c
}

// runNATS runs a nats-server on a free port.
func runNATS(ctx context.Context, o *server.Options, ready func(string)) error {
	o.Host, o.Port, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		return errors.New("nats-server does not accept connections")
	}
	ready(s.ClientURL())
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

func connectNATS(s *setup) (*nats.Conn, error) {
	return nats.Connect(s.Broker, nats.NoReconnect(), nats.Timeout(startTimeout), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		fmt.Fprintln(os.Stderr, "bench: nats:", err) // a slow consumer that lost messages, for one
	}))
}

func runNATSWorker(ctx context.Context, s *setup, ready func(string)) error {
	e := newExecutor(s.Slots)
	defer e.close()
	nc, err := connectNATS(s)
	if err != nil {
		return err
	}
	defer nc.Close()
	for range s.Slots { // the messages of each come one after the other
		result := make([]byte, resultBytes)
		_, err := nc.QueueSubscribe(natsSubject, "workers", func(m *nats.Msg) {
			err := e.run(ctx, m.Data, result)
			if err == nil {
				err = m.Respond(result) // copied
			}
			if err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "bench: nats worker:", err)
			}
		})
		if err != nil {
			return err
		}
	}
	if err := nc.Flush(); err != nil { // the server has them
		return err
	}
	ready("-")
	<-ctx.Done()
	return nil
}

// natsClient has one subscription for all replies: the last two words of a subject are the place of the job among those
// in flight and the number of the task.
type natsClient struct {
	nc    *nats.Conn
	inbox string

	mu   sync.Mutex // guards all below
	jobs []*natsJob // by place; nil: free
	free []int
}

type natsJob struct {
	served []time.Duration
	left   int
	err    error
	done   chan struct{}
}

func newNATSClient(s *setup) (*natsClient, error) {
	nc, err := connectNATS(s)
	if err != nil {
		return nil, err
	}
	c := &natsClient{nc: nc, inbox: nats.NewInbox() + "."}
	if _, err = nc.Subscribe(c.inbox+"*.*", c.reply); err == nil {
		err = nc.Flush()
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *natsClient) do(ctx context.Context, payloads [][]byte, served []time.Duration) error {
	return c.run(ctx, served, func(i int, replyTo string) error { return c.nc.PublishRequest(natsSubject, replyTo, payloads[i]) })
}

// run has a job's tasks sent, each with the subject of its reply, and waits for all replies.
func (c *natsClient) run(ctx context.Context, served []time.Duration, send func(i int, replyTo string) error) error {
	j := &natsJob{served: served, left: len(served), done: make(chan struct{})}
	place := c.add(j)
	defer c.remove(place)
	prefix := c.inbox + strconv.Itoa(place) + "."
	for i := range served {
		if err := send(i, prefix+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *natsClient) add(j *natsJob) (place int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		place, c.free = c.free[n-1], c.free[:n-1]
		c.jobs[place] = j
		return place
	}
	c.jobs = append(c.jobs, j)
	return len(c.jobs) - 1
}

func (c *natsClient) remove(place int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs[place] = nil
	c.free = append(c.free, place)
}

// reply is called for one message after the other.
func (c *natsClient) reply(m *nats.Msg) {
	place, task, _ := strings.Cut(m.Subject[len(c.inbox):], ".")
	p, err1 := strconv.Atoi(place)
	i, err2 := strconv.Atoi(task)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err1 != nil || err2 != nil || p >= len(c.jobs) || c.jobs[p] == nil || i >= len(c.jobs[p].served) {
		return // of a job that was given up
	}
	j := c.jobs[p]
	d, err := readServed(m.Data) // no responders: a message without data
	if err != nil {
		j.err = errors.Join(j.err, fmt.Errorf("%w: status %q", err, m.Header.Get("Status")))
	}
	j.served[i] = d
	if j.left--; j.left == 0 {
		close(j.done)
	}
}

func (c *natsClient) close() error {
	c.nc.Close()
	return nil
}

type natsRequestClient struct{ nc *nats.Conn }

func (c *natsRequestClient) do(ctx context.Context, payloads [][]byte, served []time.Duration) error {
	return fanOut(len(payloads), func(i int) error {
		m, err := c.nc.RequestWithContext(ctx, natsSubject, payloads[i])
		if err == nil {
			served[i], err = readServed(m.Data)
		}
		return err
	})
}

func (c *natsRequestClient) close() error {
	c.nc.Close()
	return nil
}
