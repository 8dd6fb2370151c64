package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"strconv"
)

const (
	// roleFlag makes this program play a role of a run, and roleVariable is which.
	roleFlag     = "role"
	roleVariable = "DUNNOCK_BENCH_SETUP"

	roleBroker = "broker"
	roleWorker = "worker"
	roleClient = "client"
)

// playRole is what a process of a run does.
func playRole(ctx context.Context) error {
	var s setup
	err := json.Unmarshal([]byte(os.Getenv(roleVariable)), &s)
	if err == nil {
		err = s.play(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", s.Contender, s.Role, err)
	}
	return nil
}

func (s *setup) play(ctx context.Context) error {
	c := contenderNamed(s.Contender)
	if c == nil {
		return errors.New("no such contender")
	}
	finish, err := s.startProfile()
	if err != nil {
		return err
	}
	ready := func(addr string) { fmt.Println(addr) }
	switch s.Role {
	case roleBroker:
		err = c.broker(ctx, s, ready)
	case roleWorker:
		err = c.worker(ctx, s, ready)
	default:
		err = s.playClient(ctx, c)
	}
	return errors.Join(err, finish())
}

func (s *setup) playClient(ctx context.Context, c *contender) error {
	sub, err := c.client(ctx, s)
	if err != nil {
		return err
	}
	out, err := drive(ctx, sub, s)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	return errors.Join(err, sub.close())
}

// quiet is for libraries that log.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// startProfile writes a processor profile until the returned function is called.
func (s *setup) startProfile() (finish func() error, err error) {
	if s.Profile == "" {
		return func() error { return nil }, nil
	}
	name := s.Profile + s.Contender + "-" + s.Cell.Name + "-" + s.Role
	if s.Role == roleWorker {
		name += strconv.Itoa(s.Index)
	}
	f, err := os.Create(name + ".prof") //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
