package main

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"dunnock/worker/app"
)

// A task is 100 bytes, of which the first eight say how long to sleep. Its result is eight bytes: how long it was
// served.
const resultBytes = 8

var errShort = errors.New("a task or result is too short")

// executor does tasks, for all contenders in the same way.
type executor struct {
	sleeper *app.Sleeper
	slots   chan struct{} // full: as many tasks run as may
}

func newExecutor(slots int) *executor {
	return &executor{sleeper: app.NewSleeper(), slots: make(chan struct{}, slots)}
}

func (e *executor) close() { _ = e.sleeper.Close() } // always nil

// run does one task and writes its result, of eight bytes.
func (e *executor) run(ctx context.Context, payload, result []byte) error {
	if len(payload) < 8 || len(result) < resultBytes {
		return errShort
	}
	began := time.Now()
	if d := time.Duration(binary.LittleEndian.Uint64(payload)); d > 0 {
		if err := e.sleeper.Sleep(ctx, d); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint64(result, uint64(time.Since(began)))
	return nil
}

// runInSlot waits for a slot first, where the contender has none of its own. Those who wait longest come first.
func (e *executor) runInSlot(ctx context.Context, payload, result []byte) error {
	e.slots <- struct{}{}
	defer func() { <-e.slots }()
	return e.run(ctx, payload, result)
}

func newPayloads(tasks int) [][]byte {
	all := make([]byte, tasks*payloadBytes)
	payloads := make([][]byte, tasks)
	for i := range payloads {
		payloads[i] = all[i*payloadBytes : (i+1)*payloadBytes : (i+1)*payloadBytes]
	}
	return payloads
}

func setService(payload []byte, d time.Duration) {
	binary.LittleEndian.PutUint64(payload, uint64(d))
}

func readServed(result []byte) (time.Duration, error) {
	if len(result) != resultBytes {
		return 0, errShort
	}
	return time.Duration(binary.LittleEndian.Uint64(result)), nil
}
