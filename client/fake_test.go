package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"dunnock/client"
	"dunnock/internal/fleettest"
	"dunnock/internal/stream"
	"dunnock/internal/submission"
	"dunnock/probe"
	"dunnock/scheduler"
	"dunnock/task"
	"dunnock/worker"
)

// fake is a scheduler that greets and then answers as a test wants.
type fake struct {
	conn   *stream.Conn
	answer func(c *stream.Conn, kind submission.Kind, body []byte)
}

func (f *fake) Message(kind uint8, body []byte) error {
	if probe.Kind(kind) == probe.KindHello {
		hello := probe.Hello{Version: probe.Version, Role: probe.RoleScheduler, Name: "fake"}
		f.conn.End(probe.AppendHello(f.conn.Begin(uint8(probe.KindHello)), &hello))
		f.conn.End(submission.AppendLimits(f.conn.Begin(uint8(submission.KindLimits)), submission.Limits{Job: task.DefaultLimits(), MessageBytes: 1 << 20}))
		return nil
	}
	f.answer(f.conn, submission.Kind(kind), body)
	return nil
}

func (f *fake) Flush() { f.conn.Flush() }

// withFake runs a test against a client of a fake scheduler.
func withFake(t *testing.T, answer func(c *stream.Conn, kind submission.Kind, body []byte), test func(t *testing.T, c *client.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := fasthttputil.NewInmemoryListener()
		ended := make(chan struct{}, 16)
		server := &fasthttp.Server{NoDefaultDate: true, Handler: func(ctx *fasthttp.RequestCtx) {
			_ = stream.Upgrade(ctx, stream.Config{}, func(conn *stream.Conn) {
				_ = conn.Run(context.Background(), &fake{conn, answer})
				ended <- struct{}{}
			})
		}}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		c, err := client.New(client.Config{
			Schedulers: []string{"fake:1"}, Dial: func(context.Context, string, string) (net.Conn, error) { return l.Dial() },
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, c)
		_ = c.Close()
		<-ended
		_ = l.Close()
		<-served
		time.Sleep(11 * time.Second) // fasthttp's pool of workers looks every 10 s whether its server has ended
	})
}

// A scheduler that lives and never answers a submission does not hold the caller for longer than the job may take.
func TestSubmissionIsNeverAnswered(t *testing.T) {
	withFake(t, func(*stream.Conn, submission.Kind, []byte) {}, func(t *testing.T, c *client.Client) {
		job := echoJob("0s")
		job.Deadline = 3 * time.Second
		began := time.Now()
		if _, err := c.Submit(t.Context(), job); !errors.Is(err, task.CodeDeadline) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Submit returned after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Submit(ctx, job); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context: %v", err)
		}
		closing := make(chan error)
		go func() {
			_, err := c.Submit(t.Context(), job)
			closing <- err
		}()
		synctest.Wait()
		_ = c.Close()
		if err := <-closing; !errors.Is(err, task.CodeSchedulerLost) {
			t.Errorf("closed meanwhile: %v", err)
		}
	})
}

// A job whose scheduler never ends it ends by itself, with each task's one outcome; what else a scheduler may say
// about jobs and tasks that do not exist changes nothing.
func TestSchedulerTalksNonsense(t *testing.T) {
	answer := func(c *stream.Conn, kind submission.Kind, body []byte) {
		if kind != submission.KindSubmit {
			return
		}
		m, err := submission.DecodeSubmit(body, task.DefaultLimits())
		if err != nil {
			return
		}
		say := func(kind submission.Kind, body []byte) { c.Send(uint8(kind), nil, body) }
		done := func(seq, index uint32) []byte {
			return submission.AppendTaskDoneHead(nil, &submission.TaskDone{Seq: seq, Task: index, Outcome: task.Failed, Worker: []byte("w")})
		}
		say(submission.KindTaskDone, done(m.Seq, 1)) // before it is accepted, and without a reason
		for range 2 {
			say(submission.KindAccepted, submission.AppendAccepted(nil, submission.Accepted{Seq: m.Seq}))
			say(submission.KindTaskDone, done(m.Seq, 1))
			say(submission.KindTaskDone, done(m.Seq, 1<<31))
			say(submission.KindTaskDone, done(m.Seq+1, 0))
			say(submission.KindJobDone, submission.AppendJobDone(nil, submission.JobDone{Seq: m.Seq + 1, Outcome: task.OK}))
			say(submission.KindAccepted, submission.AppendAccepted(nil, submission.Accepted{Seq: m.Seq + 1}))
		}
	}
	withFake(t, answer, func(t *testing.T, c *client.Client) {
		job := echoJob("a", "b", "c")
		job.Deadline = time.Second
		h := fleettest.Submit(t, c, job)
		n := 0
		for r := range h.Results() {
			n++
			want := task.Timeout
			if r.Task == 1 {
				want = task.Failed
			}
			if r.Outcome != want || r.Err == nil {
				t.Errorf("%+v", r)
			}
		}
		if n != 3 {
			t.Errorf("%d results", n)
		}
	})
}

// What is over the scheduler's limits is refused with its code, also where it would not fit a message, and harms no
// other job.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleettest.New(t)
		defer f.Stop()
		limits := task.Limits{MaxTasks: 10, MaxPayloadBytes: 1 << 20, MaxJobBytes: 2 << 20}
		s := f.Scheduler("s1", func(c *scheduler.Config) { c.Limits = limits })
		f.Worker("w1", 2, map[string]worker.Handler{"echo": fleettest.Echo}, nil)
		synctest.Wait()
		c := f.Client(s)
		other := fleettest.Submit(t, c, echoJob("10s"))
		labels := make(map[string]string)
		for i := range 40 {
			labels[strings.Repeat("l", i+1)] = ""
		}
		many := echoJob(make([]string, 11)...)
		many.Require = labels
		for want, job := range map[string]task.Job{
			"tasks: at most 10 tasks":              echoJob(make([]string, 11)...),
			"tasks[0].payload: at most":            echoJob(strings.Repeat("x", 9<<20)),
			"tasks: payloads of one job":           echoJob(strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20), "x"),
			"require: at most 32 labels, got 40":   many,
			"deadline: want more than 0 and at mo": {App: "echo", Tasks: make([]task.Task, 11), Deadline: 25 * time.Hour},
		} {
			if _, err := c.Submit(t.Context(), job); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %s, got %v", want, err)
			}
		}
		if _, err := other.Wait(t.Context()); err != nil {
			t.Errorf("another job of the same client: %v", err)
		}
	})
}
