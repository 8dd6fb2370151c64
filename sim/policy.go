package sim

import (
	"slices"
	"strings"
	"time"

	"dunnock/probe"
)

// Policy decides where and when the tasks of simulated jobs run. The engine calls it for one event at a time, in the
// order of time, and it answers by calling the engine.
//
// It owes the engine, for each task of each job submitted to it, one call of [Engine.Start] at the instant when a slot
// begins to run the task, and one of [Engine.Finish] when the scheduler has its result.
type Policy interface {
	// Submit takes a job that has just arrived at its scheduler.
	Submit(e *Engine, job JobID)
	// Deliver takes a message that has just reached its receiver. It is good until Deliver returns.
	Deliver(e *Engine, m *Message)
	// Wake takes a timer that has just gone off: [Engine.Start] sets one of kind [TimerDone] for the end of the task,
	// and a policy may set others with [Engine.After].
	Wake(e *Engine, t Timer)
}

// JobID names a live job in the simulator. It is dense, and used again when the job has ended, so that a policy can
// keep what it knows of jobs in a slice.
type JobID uint32

// Timer is what a policy is woken with. All but Kind is whatever the policy has put in; with
// TimerDone it is what [Engine.Start] was called with.
type Timer struct {
	Worker uint32
	Job    JobID
	Task   uint32
	Slot   uint16
	Kind   TimerKind
	class  class
}

// TimerKind tells the timers of a policy apart.
type TimerKind uint8

// TimerDone is the end of a task's service. The other values are the policy's own.
const TimerDone TimerKind = 0

// class says what the engine does with an entry of its agenda.
type class uint8

const (
	classTimer   class = iota // wake the policy
	classMessage              // deliver the message that Task indexes
	classFault                // let the fault model act
)

// Message travels between a scheduler and a worker, or two schedulers, in one network delay. Which fields mean
// something depends on its Kind: those of the fleet's own messages are in package probe.
type Message struct {
	Ref       probe.Ref
	Service   time.Duration // Launch: of the task, in place of a payload. Finished: as measured
	Deadline  time.Duration // Launch
	Expect    time.Duration // Launch
	Scheduler uint32
	Worker    uint32
	Call      uint32
	Job       JobID  // of the policies that do not run the cores; between schedulers the one that it is from; in Launch whose task it is and what it takes
	Task      uint32 // or Res, in Reserve, Cancel, GetTask and Refuse
	Count     uint32 // or the number of the task's key, in Launch
	Slot      uint16
	Attempt   uint16
	Kind      MessageKind
	Status    probe.Status
	Reason    probe.Refusal
	More      bool // Launch
}

// MessageKind tells messages apart: those of package probe by its numbers, and others from [MessageProbe] on.
type MessageKind uint8

// The messages of the policies that do not run the cores.
const (
	MessageLaunch   = MessageKind(probe.KindLaunch)   // a task, whether its slot is known or not
	MessageFinished = MessageKind(probe.KindFinished) // its result

	kindReserve = MessageKind(probe.KindReserve)
	kindCancel  = MessageKind(probe.KindCancel)
	kindGetTask = MessageKind(probe.KindGetTask)
	kindNoTask  = MessageKind(probe.KindNoTask)
	kindRefuse  = MessageKind(probe.KindRefuse)
	kindDecline = MessageKind(probe.KindDecline)
	kindKill    = MessageKind(probe.KindKill)
	kindOffer   = MessageKind(probe.KindOffer)
	kindWant    = MessageKind(probe.KindWant)
	kindHand    = MessageKind(probe.KindHand)
	kindSpare   = MessageKind(probe.KindSpare)

	MessageProbe  MessageKind = 128 + iota // asks a worker how full it is
	MessageAnswer                          // says it, in Count
)

// makers returns what makes each policy. To add one, add a line here and a file for it; [RunPolicy] runs one that is
// not here.
func makers() map[string]func(*Engine) Policy {
	return map[string]func(*Engine) Policy{
		"batch":                 newBatch,
		"central":               newCentral,
		"ideal":                 newIdeal,
		idleOffer:               newCores,
		"late-binding":          newCores,
		"late-binding-nocancel": newCores,
		perTaskName:             newPerTask,
		"random":                newRandom,
	}
}

// Policies returns the names of all policies, sorted.
func Policies() []string {
	names := make([]string, 0, len(makers()))
	for name := range makers() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func policyList() string { return strings.Join(Policies(), ", ") }

// perTaskName is the name of the one model that knows labels.
const perTaskName = "per-task"

// usesCores reports whether a policy runs the fleet's own code.
func usesCores(policy string) bool {
	return policy == "late-binding" || policy == "late-binding-nocancel" || policy == idleOffer
}

// idleOffer is the name of the policy in which schedulers talk to each other.
const idleOffer = "idle-offer"
