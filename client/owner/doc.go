// Package owner decides which scheduler has a client's jobs, and what becomes of them when one is lost. A job is its
// client's: a scheduler holds it only for as long as the client does. The owner keeps of each job what another
// scheduler needs to go on with it: how many tasks it has, which of them have their outcome, how often the others have
// failed, and under which epoch it was submitted last. It knows no payload, no result and no address.
//
// # Vocabulary
//
//   - A submission hands a job to one scheduler, under a number (seq) of its own and with the job's epoch. A job has
//     one submission at a time; a scheduler that is heard about an older one is not listened to.
//   - A job is accepted once a scheduler has promised an outcome for every task. From the first time on the owner makes
//     that promise true, by the job's deadline in any case. Until then the submission may fail.
//   - A job is superseded when its scheduler finds that the workers obey another owner of a later epoch.
//
// # A job
//
//	              scheduler there                Accepted
//	 Submit ─▶ waits ─────────────▶ submitted ─────────────▶ accepted ──▶ JobDone: Done
//	           ▲  ▲  ◀── Rejected, for now ──┘                   │
//	           │  └───── connection lost ────┴───────────────────┤   the next submission has epoch + 1
//	           └──────── superseded ─────────────────────────────┘
//
//	waits, never accepted: nobody reachable or everybody refuses, [Config.Tries] times ──▶ Refused
//	any: deadline + Grace ──▶ the rest of the tasks end as timeout: Done, or Refused if never accepted
//	waits, or its connection is lost: Cancel ──▶ the rest end cancelled: Done
//
// # Rules
//
//   - The epoch rises with every submission behind one that may have been accepted: that was, or whose answer was lost
//     with its connection. A rejected one has left no trace, and the next goes out under the same epoch, so that a job
//     that was merely refused somewhere stays at epoch 0, for which workers and schedulers need no bookkeeping. A
//     conflict is no such refusal: another owner of the job was there under the same epoch. It rises also when the same
//     scheduler is submitted to again: if that is the same life, it still holds the job, sees that the epoch is the one
//     behind its own, so that nobody can have had the job in between, and lets the client join it; if it is another
//     life, the epoch makes it ask the workers what they hold.
//   - Each task has one outcome: the first that is told. A scheduler that is joined again, or that adopts what another
//     one had started, may tell an outcome twice.
//   - Starts that have failed are noted as they happen and go with the next submission, so that max_attempts bounds the
//     starts over all schedulers. A start whose end no scheduler lived to tell is not among them.
//   - At most once needs nothing here: from epoch 1 on a scheduler starts of such a job only what no worker can have
//     started, and says unknown of the rest.
//   - Once accepted, no refusal is final: the fleet may be coming back. The deadline is.
//   - A cancelled job that loses its scheduler is not handed on. What still runs of it ends with the grace that its
//     scheduler or its workers give to a job whose owner is gone.
//
// # The caller's part
//
// A [Core] has no lock, no clock and no goroutine. Its caller
//
//   - calls one method at a time, with the time since any fixed origin as now, which does not run backwards;
//   - passes a buffer for effects and carries the effects out in their order; those for one scheduler must reach it in
//     that order;
//   - answers each [EffectConnect] with [Core.SchedulerUp] when the handshake is done, or with [Core.SchedulerDown],
//     also when the connection ends later, and hands in no message of a connection after that;
//   - calls [Core.Tick] at or soon after [Core.NextWake], which may change with every call;
//   - keeps payloads and results.
//
// Messages that are late, repeated or unknown have no effect and are counted in [Stats]. Nothing is allocated from
// Submit to EffectDone where no attempt fails, once there have been as many jobs of the size before, and nothing is
// kept of a job after that.
package owner
