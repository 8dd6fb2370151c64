package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// askLimit bounds one question to a node.
const askLimit = 2 * time.Second

// get asks a node over HTTP from its own host, where no cut is.
func (f *fleet) get(ctx context.Context, p *process, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	c := http.Client{Transport: &http.Transport{DialContext: p.host.Dial, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.addr(p.name, httpPort)+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s on %s", p.name, answer.Status, path)
	}
	return body, err
}

// metrics are a node's, by name with labels.
func (f *fleet) metrics(ctx context.Context, p *process) (map[string]float64, error) {
	body, err := f.get(ctx, p, "/metrics")
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(text, 64); ok && err == nil {
			values[name] = v
		}
	}
	return values, nil
}

// listedWorker is an entry of /v1/workers.
type listedWorker struct {
	Name      string `json:"name"`
	Slots     int    `json:"slots"`
	Queued    int    `json:"queued"`
	State     string `json:"state"`
	Connected bool   `json:"connected"`
}

func (f *fleet) listWorkers(ctx context.Context, scheduler *process) ([]listedWorker, error) {
	body, err := f.get(ctx, scheduler, "/v1/workers")
	if err != nil {
		return nil, err
	}
	var list struct {
		Workers []listedWorker `json:"workers"`
	}
	return list.Workers, json.Unmarshal(body, &list)
}

// listedScheduler is an entry of /v1/schedulers.
type listedScheduler struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	Connection string `json:"connection"` // empty where schedulers do not connect to each other
}

func (f *fleet) listSchedulers(ctx context.Context, scheduler *process) ([]listedScheduler, error) {
	body, err := f.get(ctx, scheduler, "/v1/schedulers")
	if err != nil {
		return nil, err
	}
	var list struct {
		Schedulers []listedScheduler `json:"schedulers"`
	}
	return list.Schedulers, json.Unmarshal(body, &list)
}

// done is how many attempts have ended ok at all workers, in their present lives.
func (f *fleet) done(ctx context.Context) (n float64, err error) {
	for _, w := range f.workers {
		values, err := f.metrics(ctx, w)
		if err != nil {
			return 0, err
		}
		n += values[`dunnock_tasks_total{result="ok"}`]
	}
	return n, nil
}

// poll asks until the answer is nil, or until the limit: then it returns the last one.
func poll(ctx context.Context, limit time.Duration, ask func() error) error {
	until := time.Now().Add(limit)
	for {
		err := ask()
		if err == nil || time.Now().After(until) {
			return err
		}
		if !pause(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// complete says whether every scheduler is connected to every worker and to nobody else.
func (f *fleet) complete(ctx context.Context) error {
	for _, s := range f.schedulers {
		list, err := f.listWorkers(ctx, s)
		if err != nil {
			return err
		}
		connected := 0
		for _, w := range list {
			if w.Connected && w.State == "active" {
				connected++
			}
		}
		if connected != len(f.workers) || len(list) != len(f.workers) {
			return fmt.Errorf("%s is connected to %d of %d workers and knows %d", s.name, connected, len(f.workers), len(list))
		}
	}
	return nil
}

// atRest says whether nothing waits, runs or is reserved anywhere.
func (f *fleet) atRest(ctx context.Context) error {
	var fault error
	check := func(p *process, names ...string) {
		values, err := f.metrics(ctx, p)
		if err != nil {
			fault = errors.Join(fault, err)
			return
		}
		for _, name := range names {
			v, there := values[name]
			if !there {
				fault = errors.Join(fault, fmt.Errorf("%s has no metric %s", p.name, name))
			} else if v != 0 {
				fault = errors.Join(fault, fmt.Errorf("%s: %s is %g at rest", p.name, name, v))
			}
		}
	}
	for _, s := range f.schedulers {
		check(s, "dunnock_queue_depth", "dunnock_running_tasks", "dunnock_running_jobs", "dunnock_client_connections", "dunnock_payload_bytes")
	}
	for _, w := range f.workers {
		check(w, "dunnock_queue_depth", `dunnock_slots{state="running"}`, `dunnock_slots{state="asking"}`, `dunnock_slots{state="stuck"}`)
	}
	return fault
}

// size is what a process takes.
type size struct {
	Life       int    `json:"life"`
	RSS        uint64 `json:"rss_bytes"`
	Goroutines int    `json:"goroutines"`
	FDs        int    `json:"fds"`
}

// sizes measures all nodes. One that does not answer is left out.
func (f *fleet) sizes(ctx context.Context) map[string]size {
	all := map[string]size{}
	for _, p := range append(append([]*process(nil), f.schedulers...), f.workers...) {
		pid := p.pid()
		values, err := f.metrics(ctx, p)
		if pid == 0 || err != nil {
			continue
		}
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			continue
		}
		p.mu.Lock()
		life := p.life
		p.mu.Unlock()
		all[p.name] = size{Life: life, RSS: rss(pid), Goroutines: int(values["go_goroutines"]), FDs: len(entries)}
	}
	return all
}

// rss is a process's resident memory in bytes, 0 if it has ended.
func rss(pid int) uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64) // the kernel's own number
			return kib << 10
		}
	}
	return 0
}
