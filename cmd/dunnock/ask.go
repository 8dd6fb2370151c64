package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"dunnock/internal/api"
	"dunnock/task"
)

const defaultScheduler = "http://127.0.0.1:7070"

// schedulerFlags name the fleet to talk to.
type schedulerFlags struct {
	Scheduler []string `help:"URL of a scheduler. Repeatable: the others are for when one cannot be reached." default:"http://127.0.0.1:7070" placeholder:"URL"`
}

// callers checks the addresses.
func (f *schedulerFlags) callers() ([]*api.Caller, error) {
	callers := make([]*api.Caller, 0, len(f.Scheduler))
	for _, address := range f.Scheduler {
		c, err := api.NewCaller(address)
		if err != nil {
			return nil, usagef("--scheduler: %w", err)
		}
		callers = append(callers, c)
	}
	if len(callers) == 0 {
		return nil, usagef("--scheduler: name at least one")
	}
	return callers, nil
}

// ask makes a call at the first scheduler that can be reached, and returns which one that was.
func ask[T any](ctx context.Context, f *schedulerFlags, call func(context.Context, *api.Caller) (T, error)) (answer T, from *api.Caller, err error) {
	callers, err := f.callers()
	if err != nil {
		return answer, nil, err
	}
	var faults []error
	for _, c := range callers {
		answer, err = call(ctx, c)
		var unreachable *api.UnreachableError
		if !errors.As(err, &unreachable) || ctx.Err() != nil {
			return answer, c, given(ctx, err)
		}
		faults = append(faults, err)
	}
	return answer, nil, errors.Join(faults...)
}

// given replaces an error by that of an interruption, if there was one.
func given(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return interrupted()
	}
	return err
}

// ofJob is an answer about a job.
type ofJob interface{ Superseded() bool }

// askHolder makes a call about a job at whichever scheduler holds it: one that does not names its peers. Of one from
// which another has taken the job over the answer counts only if that other is not found.
func askHolder[T ofJob](ctx context.Context, f *schedulerFlags, call func(context.Context, *api.Caller) (T, error)) (T, error) {
	answer, from, err := ask(ctx, f, call)
	var peers []string
	held := err == nil
	switch {
	case held && answer.Superseded():
		peers = peersFrom(ctx, from)
	case errors.Is(err, task.CodeNotFound):
		peers = peersOf(err)
	default:
		return answer, err
	}
	for _, peer := range peers {
		c, bad := api.NewCaller(peer)
		if bad != nil {
			continue
		}
		there, at := call(ctx, c)
		switch {
		case at == nil && !there.Superseded():
			return there, nil
		case at == nil:
			answer, held = there, true
			continue
		}
		var unreachable *api.UnreachableError
		if !errors.Is(at, task.CodeNotFound) && !errors.As(at, &unreachable) {
			return answer, given(ctx, at)
		}
	}
	if held {
		return answer, nil
	}
	return answer, given(ctx, fmt.Errorf("%w: no scheduler of the fleet holds this job (any more: they keep finished ones for a while only)", task.CodeNotFound))
}

// peersFrom returns the addresses of the other schedulers that one knows; none if it does not say.
func peersFrom(ctx context.Context, c *api.Caller) []string {
	list, err := c.Schedulers(ctx)
	if err != nil {
		return nil
	}
	var peers []string
	for _, s := range list.Schedulers {
		if !s.Self {
			peers = append(peers, s.Addr)
		}
	}
	return peers
}

// peersOf reads the addresses of the other schedulers from the answer of one that does not hold a job.
func peersOf(err error) []string {
	var refused *task.Error
	if !errors.As(err, &refused) {
		return nil
	}
	list, ok := strings.CutPrefix(refused.Detail, "peers: ")
	if !ok {
		return nil
	}
	return strings.Fields(list)
}

// answered is what one scheduler of the fleet said.
type answered[T any] struct {
	scheduler api.Scheduler
	answer    T
	err       error
}

// maxParallelCalls bounds the schedulers that are asked at once.
const maxParallelCalls = 16

// askAll makes a call at every scheduler of the fleet that the first reachable one knows, in their order.
func askAll[T any](ctx context.Context, f *schedulerFlags, call func(context.Context, *api.Caller) (T, error)) ([]answered[T], error) {
	list, from, err := ask(ctx, f, func(ctx context.Context, c *api.Caller) (api.SchedulerList, error) { return c.Schedulers(ctx) })
	if err != nil {
		return nil, err
	}
	answers := make([]answered[T], len(list.Schedulers))
	free := make(chan struct{}, maxParallelCalls)
	var calls sync.WaitGroup
	for i, s := range list.Schedulers {
		answers[i].scheduler = s
		free <- struct{}{}
		calls.Go(func() {
			defer func() { <-free }()
			c := from // by the address that has just worked, which may be another one than it is known by
			if !s.Self {
				if c, answers[i].err = api.NewCaller(s.Addr); answers[i].err != nil {
					return
				}
			}
			answers[i].answer, answers[i].err = call(ctx, c)
		})
	}
	calls.Wait()
	if ctx.Err() != nil {
		return nil, interrupted()
	}
	return answers, nil
}
