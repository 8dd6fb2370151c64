package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// taskFlags say what the tasks of a job are.
type taskFlags struct {
	Tasks       int    `help:"Number of tasks, all with the same payload." default:"1" placeholder:"N"`
	Payload     string `help:"Payload of every task, as text (default: empty)." xor:"payload" placeholder:"TEXT"`
	PayloadFile string `help:"File with the payload of every task, - for standard input (default: none)." xor:"payload" placeholder:"FILE"`
	EachLine    string `help:"File whose every line is the payload of one task, - for standard input; empty lines too (default: none)." xor:"payload" placeholder:"FILE"`
}

const (
	// maxInputBytes bounds what is read for one job. Schedulers have lower limits unless told otherwise.
	maxInputBytes = 512 << 20
	// maxInputTasks bounds the tasks of one job likewise.
	maxInputTasks = 10_000_000
)

// payloads reads the tasks. Reading ends with ctx.
func (f *taskFlags) payloads(ctx context.Context, stdin io.Reader) ([][]byte, error) {
	switch {
	case f.EachLine != "" && f.Tasks != 1:
		return nil, usagef("--tasks: not together with --each-line, which makes one task of each line")
	case f.Tasks < 1 || f.Tasks > maxInputTasks:
		return nil, usagef("--tasks: want 1 to %d, got %d", maxInputTasks, f.Tasks)
	case f.EachLine != "":
		return readInput(ctx, "--each-line", f.EachLine, stdin, splitLines)
	}
	one := [][]byte{[]byte(f.Payload)}
	if f.PayloadFile != "" {
		var err error
		if one, err = readInput(ctx, "--payload-file", f.PayloadFile, stdin, readWhole); err != nil {
			return nil, err
		}
	}
	all := make([][]byte, f.Tasks)
	for i := range all {
		all[i] = one[0]
	}
	return all, nil
}

// readInput reads a file or standard input. It gives up waiting for input when ctx is done.
func readInput(ctx context.Context, flag, path string, stdin io.Reader, read func(io.Reader) ([][]byte, error)) ([][]byte, error) {
	type input struct {
		payloads [][]byte
		err      error
	}
	got := make(chan input, 1)
	go func() { // cannot be stopped while it waits for a terminal or pipe; the process is about to end then
		in := stdin
		if path != "-" {
			file, err := os.Open(path) //nolint:gosec // the user names it
			if err != nil {
				got <- input{err: err}
				return
			}
			defer file.Close() //nolint:errcheck // only read from
			in = file
		}
		payloads, err := read(in)
		got <- input{payloads, err}
	}()
	select {
	case <-ctx.Done():
		return nil, interrupted()
	case r := <-got:
		if r.err != nil {
			return nil, usagef("%s: %w", flag, r.err)
		}
		return r.payloads, nil
	}
}

var errInputTooLong = fmt.Errorf("more than %d bytes", maxInputBytes)

func readWhole(in io.Reader) ([][]byte, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxInputBytes+1))
	if err == nil && len(b) > maxInputBytes {
		err = errInputTooLong
	}
	return [][]byte{b}, err
}

// splitLines makes a payload of each line, without its end.
func splitLines(in io.Reader) ([][]byte, error) {
	r := bufio.NewReader(io.LimitReader(in, maxInputBytes+1))
	var payloads [][]byte
	total := 0
	for {
		line, err := r.ReadBytes('\n')
		total += len(line)
		switch {
		case total > maxInputBytes:
			return nil, errInputTooLong
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case len(line) > 0:
			if len(payloads) == maxInputTasks {
				return nil, fmt.Errorf("more than %d lines", maxInputTasks)
			}
			payloads = append(payloads, bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		}
		if err != nil {
			if len(payloads) == 0 {
				return nil, errors.New("there is no line in it")
			}
			return payloads, nil
		}
	}
}
