package sim

import (
	"dunnock/scheduler/placement"
	"time"
)

// Faults placeholder
type Faults struct{ x time.Duration }

func (f Faults) withDefaults() Faults { return f }
func (f Faults) any() bool            { return false }
func (f Faults) validate() []error    { return nil }

type client struct{}
type clients struct{}
type faults struct{ clients clients }

func newFaults(*Config) *faults                               { return nil }
func (f *faults) deliver(*Engine, uint32)                     {}
func (f *faults) act(*Engine, Timer)                          {}
func (f *faults) begin(*Engine, *cores)                       {}
func (f *faults) send(*Engine, *Message)                      {}
func (f *clients) submit(*Engine, *cores, JobID)              {}
func (f *clients) taskDone(*Engine, JobID, *placement.Effect) {}
