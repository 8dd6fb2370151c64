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
	// calibrateJobs is how many jobs a calibration sends, one after the other.
	calibrateJobs = 200
	// calibrateService is how long their tasks take: longer than it takes to launch them all, so that starts and ends
	// do not get in each other's way.
	calibrateService = 5 * time.Millisecond
	// calibratePause is between two of them: processors that have just worked answer sooner than they do under a load
	// of tasks that sleep.
	calibratePause = 2 * time.Millisecond
)

// ErrNoSleep says that a fleet cannot be calibrated because none of its workers has the app sleep.
var ErrNoSleep = errors.New("no worker has the app " + SleepApp + ", which a calibration needs")

// Calibration is what [Calibrate] measures: medians over jobs that are alone. In the simulator's terms the response of
// such a job is two client delays, four net delays (reservation, call, launch, result), its service, and the task
// overhead; so is it here, by construction.
type Calibration struct {
	Jobs  int `json:"jobs"`
	Tasks int `json:"tasks"` // of each
	// Net is one message between scheduler and worker, one way: half of a task's wait, in which a reservation goes out
	// and a call comes back.
	Net time.Duration `json:"net_delay_ns"`
	// Client is one message between client and scheduler, one way: half of what it takes to be accepted.
	Client time.Duration `json:"client_delay_ns"`
	// Overhead is what is left of the response: what a task occupies its slot for beyond the service that its worker
	// measures.
	Overhead time.Duration `json:"task_overhead_ns"`

	Response time.Duration `json:"response_ns"`
	Wait     time.Duration `json:"wait_ns"`    // of tasks
	Service  time.Duration `json:"service_ns"` // of the tasks that ended last
	Accept   time.Duration `json:"accept_ns"`
}

// Flags returns the calibration as flags of `dunnock sim`.
func (c *Calibration) Flags() string {
	return fmt.Sprintf("--net-delay %v --client-delay %v --task-overhead %v", c.Net, c.Client, c.Overhead)
}

// Calibrate measures the delays of a fleet at rest, with jobs of so many tasks, but no more than there are slots: the
// more workers a job is sampled on, the longer its messages take, on one machine more so than on many. What else the
// fleet does meanwhile is in them too.
func Calibrate(ctx context.Context, cfg Config, tasks int) (*Calibration, error) {
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
	m := samples{tasks: make([]task.Task, max(min(tasks, cfg.Fleet.Slots), 1))}
	for i := range m.tasks {
		m.tasks[i].Payload = []byte(calibrateService.String())
	}
	for range calibrateJobs {
		p.until(ctx, p.now()+calibratePause)
		if err := m.job(ctx, c, &cfg); err != nil {
			return nil, err
		}
	}
	return m.calibration(), nil
}

// samples are what the jobs of a calibration took.
type samples struct {
	tasks                           []task.Task // of each job
	response, accept, service, rest []time.Duration
	wait                            []time.Duration // of all tasks
}

// job sends one job and waits for it.
func (m *samples) job(ctx context.Context, c *client.Client, cfg *Config) error {
	start := time.Now()
	h, err := c.Submit(ctx, task.Job{App: SleepApp, Deadline: cfg.Timeout, ProbeRatio: cfg.ProbeRatio, Tasks: m.tasks})
	if err != nil {
		return err
	}
	accepted := time.Now()
	if _, err := h.Wait(ctx); err != nil {
		return err
	}
	response := time.Since(start)
	var last task.Result
	for last = range h.Results() {
		m.wait = append(m.wait, last.Wait)
	}
	m.response = append(m.response, response)
	m.accept = append(m.accept, accepted.Sub(start))
	m.service = append(m.service, last.Service)
	m.rest = append(m.rest, response-last.Service)
	return nil
}

func (m *samples) calibration() *Calibration {
	c := &Calibration{
		Jobs: len(m.response), Tasks: len(m.tasks),
		Response: median(m.response), Wait: median(m.wait), Service: median(m.service), Accept: median(m.accept),
	}
	rest := median(m.rest)
	c.Net = min(c.Wait/2, rest/4)
	c.Client = min(c.Accept/2, (rest-4*c.Net)/2)
	c.Overhead = (rest - 4*c.Net - 2*c.Client).Truncate(time.Microsecond) // less is what the divisions left
	return c
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
