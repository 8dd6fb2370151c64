// Package queue decides what a worker's slots do. It holds the reservations that schedulers left
// ([probe.Reserve]), asks for a task whenever a slot is free (GetTask), starts what is launched,
// stops what is killed or runs too long, and reports each end once: late binding as of Sparrow
// (Ousterhout et al., SOSP 2013, §3), seen from the worker.
//
// # Vocabulary
//
//   - A slot runs one attempt at a time. A worker has 1 to 4096 of them.
//   - A reservation is the right to ask one scheduler for one task. An entry of the queue holds
//     Count of them from one Reserve.
//   - A call is one GetTask; calls are numbered per slot. A Launch or NoTask names the call that it
//     answers, and each call is consumed once.
//   - An attempt is one run of one task's handler, from Launch to Done.
//   - A slot is stuck when its attempt was told to stop and did not: the attempt's end has been
//     reported, but its handler still has the slot.
//   - A scheduler's life is one run of its process; it has one number here however often it connects.
//   - An orphan is an attempt whose scheduler is not connected. It runs on for a grace: the scheduler
//     may come back in the same life, or another may claim the job. Then it is stopped.
//   - A result is the end of an attempt, kept until its scheduler acknowledges it, its time is over or its
//     room is needed.
//   - A fence says who may start tasks of a job that was submitted more than once: the owner of its highest epoch. It
//     is what keeps a scheduler that was stopped, or cut off, from starting what another has taken over.
//
// # Slots
//
//	       GetTask           Launch            Kill, deadline,          StopGrace passed:
//	       goes out                            orphan too long          Finished goes out
//	free ───────────▶ asking ───────▶ running ────────────────▶ stopping ───────▶ stuck
//	 ▲                  │                │                          │               │
//	 │  NoTask, app     │                │ Done: Finished           │ Done:         │ Done:
//	 │  unknown, or     │                │ goes out                 │ Finished      │ nothing
//	 │  scheduler gone  │                │                          │ goes out      │ goes out
//	 └──────────────────┴────────────────┴──────────────────────────┴───────────────┘
//
// A free slot and a waiting reservation of one slot never exist together: whatever frees a slot or brings a
// reservation ends by letting free slots ask.
//
// # Wide tasks
//
// A reservation made with [Core.ReserveNeed] is for tasks that take several slots, or resources of [Config].Resources.
// Its call is made when all of that has been set aside: one slot asks and runs, and the others are joined to it until
// it is free. At its turn such a reservation collects what frees, before all others, so that it does not starve.
//
// # Idle offers
//
// With Config.Offers a slot that is free while nothing is queued offers itself to one scheduler of those that take
// offers ([Core.OffersTo]), its home. An offer is a call like a GetTask, and uses the same numbers; any scheduler may
// launch on it, and the first one does. Messages then name lanes, of which there are at least twice as many as slots:
// in one an attempt runs while its slot, which is expected to be free soon, is offered in another. A Launch that comes
// before a slot is free is held ([EffectHold]) for a few milliseconds.
//
//	               Launch, slot is free                    scheduler gone, GetTask instead,
//	free ─▶ offered ───────────────────▶ running           drain: free again
//	           │ Launch, no slot is free    ▲
//	           └──────────▶ held ───────────┘              too early, killed, fenced,
//	                              a slot is free           scheduler gone, drain: free again
//
// Of an app whose attempts are brief, that is over before a message could have gone anywhere, more launches are invited
// than there are slots, in lanes that are no slot's. They are held too, and given back when nothing is started for two
// milliseconds.
//
// # The caller's part
//
// A [Core] has no lock, no clock and no goroutine. Its caller
//
//   - calls one method at a time, with the time since any fixed origin as now. Time that runs
//     backwards does no harm; durations are then counted as zero;
//   - passes a buffer for effects, and carries the effects out in their order. Those for one
//     scheduler must reach it in that order;
//   - calls [Core.SchedulerUp] before it hands on a scheduler's first message, and [Core.SchedulerDown] after the last.
//     A new connection of a life that has one ends the old one first: what it has not yet handled of the old one, it
//     must not handle any more, because what is said on the new one presumes it;
//   - runs the handler of each [EffectStart] and calls [Core.Done] exactly once when it has
//     returned, also after an [EffectStop] and also when the core has meanwhile reported the
//     attempt's end itself;
//   - calls [Core.Tick] at or soon after [Core.NextWake], which may change with every call.
//
// Messages that are late, repeated or wrong have no effect and are counted in [Stats]. Effects are
// sent only to schedulers that are connected.
//
// The package does not know handlers, payloads or connections, samples nothing, and judges no
// scheduler's silence: that is the shell's part, which says so with SchedulerDown.
package queue
