package main

import (
	"context"
	"flag"
	"io"
	"os"
	"strconv"

	"dunnock/internal/chaos/ledger"
)

// runTask is one attempt as a command, for the worker that is 'dunnock worker' itself.
func runTask(ctx context.Context, args []string) error {
	h := handler{alone: true}
	var path string
	f := flag.NewFlagSet("task", flag.ContinueOnError)
	f.StringVar(&h.node, "name", "", "")
	f.IntVar(&h.life, "life", 0, "")
	f.StringVar(&path, "ledger", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	r := ledger.Record{Job: os.Getenv("DUNNOCK_JOB")}
	var err error
	if r.Task, err = strconv.Atoi(os.Getenv("DUNNOCK_TASK")); err != nil {
		return err
	}
	if r.Attempt, err = strconv.Atoi(os.Getenv("DUNNOCK_ATTEMPT")); err != nil {
		return err
	}
	epoch, err := strconv.ParseUint(os.Getenv("DUNNOCK_EPOCH"), 10, 32)
	if err != nil {
		return err
	}
	r.Epoch = uint32(epoch)
	payload, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if h.books, err = ledger.Open(path); err != nil {
		return err
	}
	defer func() { _ = h.books.Close() }()
	proof, err := h.attempt(ctx, r, string(payload))
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(proof)
	return err
}
