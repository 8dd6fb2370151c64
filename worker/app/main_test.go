package app

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"dunnock/task"
	"dunnock/worker"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The servers that the tests talk to: fasthttp's sleeps for up to 10 s after it was shut down.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// wantError checks the code of an attempt's error and whether it may be retried.
func wantError(t *testing.T, err error, code task.Code, permanent bool) *task.Error {
	t.Helper()
	var e *task.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T): want a *task.Error", err, err)
	}
	if e.Code != code || worker.IsPermanent(err) != permanent {
		t.Fatalf("error %v, permanent %v: want code %s, permanent %v", err, worker.IsPermanent(err), code, permanent)
	}
	if len(e.Detail) > maxDetailBytes {
		t.Fatalf("detail of %d bytes", len(e.Detail))
	}
	return e
}
