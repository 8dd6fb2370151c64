package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	jetStream   = "WORK"
	jetConsumer = "workers"
	// jetPublishes is how many unacknowledged messages a client may have: more than any cell has tasks in flight.
	jetPublishes = 1 << 16
)

// jetstreamContender is a work queue that keeps tasks until they are done.
func jetstreamContender() contender {
	return contender{
		name: "jetstream", what: "NATS JetStream, a work queue that workers pull from",
		setup: "a stream in memory with one replica; asynchronous publishes, all of them acknowledged; workers pull 500 messages ahead, the default, and where tasks sleep " +
			"as many as they have slots, acknowledge each, and send results to the client's inbox over core NATS",
		lacks: "no word to the client about a task that failed; here, nothing on disk",
		broker: func(ctx context.Context, _ *setup, ready func(string)) error {
			dir, err := os.MkdirTemp("", "dunnock-bench-jetstream-")
			if err != nil {
				return err
			}
			return errors.Join(runNATS(ctx, &server.Options{JetStream: true, StoreDir: dir}, ready), os.RemoveAll(dir))
		},
		worker: runJetStreamWorker,
		client: newJetStreamClient,
	}
}

// makeQueue makes the stream and its consumer, which all workers share, unless they are there.
func makeQueue(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: jetStream, Subjects: []string{natsSubject + ".>"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage, Replicas: 1,
	})
	if err != nil {
		return nil, err
	}
	return js.CreateOrUpdateConsumer(ctx, jetStream, jetstream.ConsumerConfig{
		Durable: jetConsumer, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: jetPublishes, MemoryStorage: true,
	})
}

func runJetStreamWorker(ctx context.Context, s *setup, ready func(string)) error {
	e := newExecutor(s.Slots)
	defer e.close()
	nc, err := connectNATS(s)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(startTimeout))
	if err != nil {
		return err
	}
	queue, err := makeQueue(ctx, js)
	if err != nil {
		return err
	}
	ahead := jetstream.PullMaxMessages(jetstream.DefaultMaxMessages)
	if s.Sleep { // what is pulled ahead would wait for this worker, whoever else is free
		ahead = jetstream.PullMaxMessages(s.Slots)
	}
	messages, err := queue.Messages(ahead)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	ready("-")
	faults := make(chan error, s.Slots)
	for range s.Slots {
		go func() { faults <- pullMessages(ctx, nc, messages, e) }()
	}
	for range s.Slots {
		err = errors.Join(err, <-faults)
	}
	return err
}

// pullMessages is one slot.
func pullMessages(ctx context.Context, nc *nats.Conn, messages jetstream.MessagesContext, e *executor) error {
	result := make([]byte, resultBytes)
	for {
		m, err := messages.Next()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it is closed because of that
		}
		if err != nil {
			return err
		}
		if err := e.run(ctx, m.Data(), result); err != nil {
			return err
		}
		// The subject of a task says where its result goes: a message of a stream has no other place for it but a
		// header, which costs more.
		if err := errors.Join(nc.Publish(m.Subject()[len(natsSubject)+1:], result), m.Ack()); err != nil {
			return err
		}
	}
}

type jetStreamClient struct {
	*natsClient
	js jetstream.JetStream
}

func newJetStreamClient(_ context.Context, s *setup) (submitter, error) {
	c, err := newNATSClient(s)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(c.nc, jetstream.WithPublishAsyncMaxPending(jetPublishes),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			fmt.Fprintln(os.Stderr, "bench: jetstream: a task was not accepted:", err)
		}))
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &jetStreamClient{c, js}, nil
}

func (c *jetStreamClient) do(ctx context.Context, payloads [][]byte, served []time.Duration) error {
	return c.run(ctx, served, func(i int, replyTo string) error {
		_, err := c.js.PublishAsync(natsSubject+"."+replyTo, payloads[i])
		return err
	})
}
