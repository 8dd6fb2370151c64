package loadgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dunnock/client"
	"dunnock/task"
)

const (
	// calibrateJobs is how many jobs of one task a calibration sends, one after the other.
	calibrateJobs = 200
	// calibratePause is between two of them: processors that have just worked answer sooner than they do under a load of tasks that sleep.
	calibratePause = 2 * time.Millisecond
)

// ErrNoSleep says that a fleet cannot be calibrated because none of its workers has the app sleep.
var ErrNoSleep = errors.New("no worker has the app " + SleepApp + ", which a calibration needs")

// Calibration is what [Calibrate] measures: medians over jobs of one task that does nothing, one at a time. In the simulator's terms such a
// job takes two client delays, four net delays (reservation, call, launch, result), its service and the task overhead.
type Calibration struct {
	Jobs int `json:"jobs"`
	// Net is one message between scheduler and worker, one way: half the wait, in which a reservation goes out and a call comes back.
	Net time.Duration `json:"net_delay_ns"`
	// Client is one message between client and scheduler, one way: half of what it takes to be accepted.
	Client time.Duration `json:"client_delay_ns"`
	// Overhead is what is left of the response: what a task occupies its slot for beyond the service that its worker measures.
	Overhead time.Duration `json:"task_overhead_ns"`

	Response time.Duration `json:"response_ns"`
	Wait     time.Duration `json:"wait_ns"`
	Service  time.Duration `json:"service_ns"`
	Accept   time.Duration `json:"accept_ns"`
}

// Flags returns the calibration as flags of `dunnock sim`.
func (c *Calibration) Flags() string {
	return fmt.Sprintf("--net-delay %v --client-delay %v --task-overhead %v", c.Net, c.Client, c.Overhead)
}

// Calibrate measures the delays of a fleet at rest. What else the fleet does meanwhile is in them too.
func Calibrate(ctx context.Context, cfg Config) (*Calibration, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Fleet.Nodes) > 0 && !slices.Contains(cfg.Fleet.Apps, SleepApp) {
		return nil, ErrNoSleep
	}
	c, err := cfg.client()
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // it has no error
	if err := connect(ctx, c, cfg.Schedulers); err != nil {
		return nil, err
	}
	p := newPacer(0, cfg.NoAlarm)
	defer p.close()
	var m samples
	for range calibrateJobs {
		p.until(ctx, p.now()+calibratePause)
		if err := m.job(ctx, c, &cfg); err != nil {
			return nil, err
		}
	}
	return m.calibration(), nil
}

// samples are what the jobs of a calibration took.
type samples struct{ response, wait, service, accept []time.Duration }

// job sends one job and waits for it.
func (m *samples) job(ctx context.Context, c *client.Client, cfg *Config) error {
	start := time.Now()
	h, err := c.Submit(ctx, task.Job{
		App: SleepApp, Deadline: cfg.Timeout, ProbeRatio: cfg.ProbeRatio, Tasks: []task.Task{{Payload: []byte("0s")}},
	})
	if err != nil {
		return err
	}
	accepted := time.Now()
	results, err := h.Wait(ctx)
	if err != nil {
		return err
	}
	m.response = append(m.response, time.Since(start))
	m.accept = append(m.accept, accepted.Sub(start))
	m.wait = append(m.wait, results[0].Wait)
	m.service = append(m.service, results[0].Service)
	return nil
}

func (m *samples) calibration() *Calibration {
	c := &Calibration{
		Jobs: len(m.response), Response: median(m.response), Wait: median(m.wait), Service: median(m.service), Accept: median(m.accept),
	}
	c.Net = c.Wait / 2
	c.Client = c.Accept / 2
	rest := make([]time.Duration, len(m.response))
	for i := range rest {
		rest[i] = m.response[i] - m.service[i]
	}
	c.Overhead = max(median(rest)-4*c.Net-2*c.Client, 0)
	return c
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
