package scheduler

import (
	"context"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"dunnock/internal/stream"
)

// A worker's life is over if nobody listens where it did, or another life answers; whatever else keeps a connection
// from being made may pass.
func TestGone(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}): true,
		fmt.Errorf("%w: w2 answers for w1", errOtherLife):                           true,
		io.EOF:                         false,
		stream.ErrSilent:               false,
		context.DeadlineExceeded:       false,
		syscall.ECONNRESET:             false,
		fmt.Errorf("no route to host"): false,
	} {
		if got := gone(err); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
}
