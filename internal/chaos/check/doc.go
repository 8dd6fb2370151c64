// Package check compares the ledgers of a run with faults and says what the fleet owed and did not give.
//
// It keeps its own books: it knows nothing of schedulers and workers but their names, and believes only what was
// written outside of them. What it looks for:
//
//   - lost: an accepted task without an outcome, though its client lived
//   - outcome-twice: a task with two
//   - phantom: an ok outcome whose result no finished attempt at that task has made
//   - unexplained-start: a second start without a failed attempt or a fault that explains it
//   - stale-start: a start under an attempt and epoch that are not newer than those of an earlier start
//   - once-twice: a second start of a task that may start only once, fault or not
//   - over-attempts, over-slots: more starts than max_attempts, more running attempts than slots
//   - orphan-start: a start some time after its client has died
//   - unexplained-end: an outcome that is not ok, without a failed attempt or a fault that explains it
//   - unexplained-cut: a running attempt that was told to stop, without a deadline, a cancellation or a fault that
//     explains it
//   - stranger: a start of a job that no client has submitted
//   - crash: a process that ended though nobody ended it
//
// A fault explains what happens while it lasts and for some time to settle, to the tasks that it touches: those whose
// worker, scheduler or client it names, or, if it lies between two nodes, those that both take part in.
package check
