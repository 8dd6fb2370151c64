// Package placement decides the life of every job at one scheduler: which workers are probed, which task a free slot
// gets, when a task is tried again and where, and how each task ends. It follows Sparrow (Ousterhout et al., SOSP
// 2013): batch sampling, late binding and proactive cancellation (§3) and constraints per job and per task (§5), and
// adds what the paper leaves out: retries elsewhere, workers that come and go, deadlines, and a bound on everything.
//
// # Vocabulary
//
//   - A constraint set is an app, labels that are required with it and labels that are excluded. The workers that are
//     connected, do not drain, are not quarantined and satisfy it are its eligible ones.
//   - A group is the tasks of one job under one constraint set. A plain job is one group; one whose tasks have
//     constraints of their own, or that is spread over the values of a label, is several. What is said here of how a
//     job is sampled, bound and settled holds of each of its groups.
//   - A group's constraint set gives way (it relaxes) to a wider one if it says what is preferred, or where tasks are
//     spread to: a preference after a while, and both when nobody satisfies them, or a task has failed on all who do.
//   - A reservation is the right of a worker to ask once for a task of one job. It is outstanding from its Reserve
//     until the GetTask that uses it, a refusal, a cancellation, or its worker's end. (Ref, Res) names those of one
//     Reserve, which are several if its Count is.
//   - A task waits, runs (is bound to a slot by a Launch), or has ended. Waiting tasks are bound in this order:
//     those that wait again, oldest first (the head of the queue), then those that were never bound, by index.
//   - An attempt is one launch that was not declined. A failed attempt counts against the job's limit, and so does one
//     that was lost with its worker, because it may have run.
//   - A task is displaced while it waits to run on another worker than those it has failed on. It has reservations of
//     its own, sampled among the others like those of a job of one task; that is what keeps it from waiting for
//     reservations that only a worker has where it may not run. It is taken on any other reservation as well. When
//     there is nowhere else to go, it may run anywhere again.
//   - A job is wide if its sampling gave every eligible worker several reservations. A worker that has used up its
//     share of such a job gets a new one while tasks wait.
//   - A worker is severed while its connection is broken and the same life of it may connect again. What is bound there
//     stays so, but in doubt: when the worker is back it says what it has, and what it does not say has never started.
//   - A claim asks a worker for what it holds of a job that was submitted before, under an epoch above 0. What runs
//     there is adopted: bound where it runs, by the worker's word. What has ended there is found. Until all have
//     answered, or for as long as [Config] has the job wait, it is claiming and launches nothing. One whose tasks may
//     start once only never launches anything.
//   - A job is superseded when a worker declines it as fenced: another scheduler has claimed it under a better right.
//   - A suspended job launches nothing and has no reservations; what runs of it runs on.
//   - Under [IdleOffer] no reservations are sampled. An offer is the right to launch one task on a slot that is free or
//     soon will be; it is held until it is used, handed on to a peer, which is another scheduler, or too old. What
//     waits and finds no offer here is a want at some peers, which hand on what they have to whose tasks have waited
//     longest. If nothing is launched for a while, what waits is given reservations after all, and who asks on one gets
//     the oldest task that it may run.
//   - A worker that fails everything is quarantined: out of sampling for a while, and then on trial until it succeeds
//     or fails again.
//
// # A job's life
//
//	Submit ──▶ EffectReserve ×⌈d·m⌉
//	GetTask ─▶ EffectLaunch, or EffectNoTask; with the last waiting task EffectCancel for what is outstanding
//	Finished ▶ EffectTaskDone, or EffectRetry and EffectReserve; with the last task EffectJobDone
//
// or, under [IdleOffer]:
//
//	Submit ──▶ EffectLaunch on what is held, EffectWant for the rest
//	Offer, Hand ▶ EffectLaunch, or EffectHand to a peer
//
// and of one that was at another scheduler before:
//
//	Submit ──▶ EffectClaim ×workers
//	Adopt ───▶ nothing, or EffectKill where it is of no use or runs twice
//	Found ───▶ EffectTaskDone, or EffectRetry
//	Told ────▶ with the last one EffectReserve for what nobody holds, or EffectTaskDone (unknown)
//
// A waiting task always has a reservation to count on, or its job samples anew at a time that [Core.NextWake] knows, or
// nobody is eligible and the next worker that connects is asked ([Core.CheckInvariants] spells this out). Reservations
// that are refused because a queue is full are sampled anew after a backoff, all others at once.
//
// # The caller's part
//
// A [Core] has no lock, no clock and no goroutine. Its caller
//
//   - calls one method at a time, with the time since any fixed origin as now, which does not run backwards;
//   - passes a buffer for effects and carries the effects out in their order. Those for one worker must reach it in
//     that order, on one stream, and what the worker sends must come in in its order;
//   - calls [Core.Tick] at or soon after [Core.NextWake], which may change with every call;
//   - calls [Core.WorkerUp] before it hands on a worker's first message. After the last it calls [Core.WorkerLost] if
//     the same life of the worker may be back under the same id, which then first says what it has, and
//     [Core.WorkerDown] when it will not be: then whatever was bound there is void;
//   - calls [Core.Suspend] while nobody owns a job, or its owner does not keep up;
//   - keeps payloads, results and names; the core knows tasks by index only.
//
// Messages that are late, repeated or unknown have no effect but an answer where a slot waits for one; they are counted
// in [Stats]. Nothing is allocated from Submit to EffectJobDone once there have been as many live tasks before, and
// nothing is kept of a job after that.
//
// The package does not judge a worker's silence, does not know users, priorities and payloads, and does not decide
// whether a job should be admitted, beyond the bounds in [Config] and how long its tasks would wait: that is the
// shell's part.
package placement
