package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	asynqTask    = "work"
	asynqResults = "results" // channel
	// asynqInterval is how often a worker looks whether there is something to do; a second by default.
	asynqInterval = 5 * time.Millisecond
)

// asynqContender is a task queue in Redis.
func asynqContender() contender {
	return contender{
		name: "asynq", what: "asynq over Redis",
		setup: "redis-server without persistence; idle workers look for tasks every " + asynqInterval.String() +
			" instead of every second; results by Redis publish and subscribe, since asynq has the client ask for them",
		lacks:   "no submission of several tasks at once, no word to the client when a task is done; here, nothing on disk",
		missing: missingRedis,
		broker:  runRedis,
		worker:  runAsynqWorker,
		client:  newAsynqClient,
	}
}

const redisProgram = "redis-server"

func missingRedis() string {
	if _, err := exec.LookPath(redisProgram); err != nil {
		return redisProgram + " is not installed (Debian: apt-get install redis-server)"
	}
	return ""
}

// runRedis turns this process into a redis-server, so that it is one process here as elsewhere. Whoever connects tries
// until it listens.
func runRedis(_ context.Context, _ *setup, ready func(string)) error {
	program, err := exec.LookPath(redisProgram)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // takes no time
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	ready(addr)
	return syscall.Exec(program, []string{ //nolint:gosec // what the user has installed
		redisProgram, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--loglevel", "warning",
	}, os.Environ())
}

func connectRedis(ctx context.Context, s *setup) (*redis.Client, error) {
	rdb := redis.NewClient(&redis.Options{Addr: s.Broker, PoolSize: 64})
	if err := until(ctx, func() error { return rdb.Ping(ctx).Err() }); err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return rdb, nil
}

// asynqPayload is the task as others have it after eight bytes that say which it is.
const asynqHeader = 8

func runAsynqWorker(ctx context.Context, s *setup, ready func(string)) error {
	e := newExecutor(s.Slots)
	defer e.close()
	rdb, err := connectRedis(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }() // nothing is under way
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: s.Slots, TaskCheckInterval: asynqInterval, LogLevel: asynq.ErrorLevel, ShutdownTimeout: time.Millisecond,
	})
	err = server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		if len(t.Payload()) < asynqHeader {
			return errShort
		}
		result := make([]byte, asynqHeader+resultBytes)
		copy(result, t.Payload()[:asynqHeader])
		if err := e.run(ctx, t.Payload()[asynqHeader:], result[asynqHeader:]); err != nil {
			return err
		}
		return rdb.Publish(ctx, asynqResults, result).Err()
	}))
	if err != nil {
		return err
	}
	ready("-")
	<-ctx.Done()
	server.Shutdown()
	return nil
}

type asynqClient struct {
	client  *asynq.Client
	rdb     *redis.Client
	results *redis.PubSub

	mu     sync.Mutex // guards all below
	lastID uint64
	tasks  map[uint64]func(result []byte) // that have no result yet
}

func newAsynqClient(ctx context.Context, s *setup) (submitter, error) {
	rdb, err := connectRedis(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &asynqClient{client: asynq.NewClientFromRedisClient(rdb), rdb: rdb, tasks: map[uint64]func([]byte){}}
	c.results = rdb.Subscribe(ctx, asynqResults)
	if _, err := c.results.Receive(ctx); err != nil { // the server's word that it is so
		return nil, errors.Join(err, c.close())
	}
	go c.receive(ctx)
	return c, nil
}

// receive ends with the subscription.
func (c *asynqClient) receive(ctx context.Context) {
	for {
		m, err := c.results.ReceiveMessage(ctx)
		if err != nil {
			if !errors.Is(err, redis.ErrClosed) && !errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "bench: asynq results:", err)
			}
			return
		}
		if len(m.Payload) != asynqHeader+resultBytes {
			continue
		}
		result := []byte(m.Payload)
		id := binary.LittleEndian.Uint64(result)
		c.mu.Lock()
		done := c.tasks[id]
		delete(c.tasks, id)
		c.mu.Unlock()
		if done != nil {
			done(result[asynqHeader:])
		}
	}
}

func (c *asynqClient) do(ctx context.Context, payloads [][]byte, served []time.Duration) error {
	results := make(chan error, len(payloads))
	err := fanOut(len(payloads), func(i int) error {
		c.mu.Lock()
		c.lastID++
		id := c.lastID
		c.tasks[id] = func(result []byte) {
			var err error
			served[i], err = readServed(result)
			results <- err
		}
		c.mu.Unlock()
		payload := binary.LittleEndian.AppendUint64(make([]byte, 0, asynqHeader+payloadBytes), id)
		_, err := c.client.EnqueueContext(ctx, asynq.NewTask(asynqTask, append(payload, payloads[i]...)))
		return err
	})
	for range payloads {
		if err != nil {
			return err
		}
		select {
		case err = <-results:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (c *asynqClient) close() error { return errors.Join(c.results.Close(), c.rdb.Close()) }
