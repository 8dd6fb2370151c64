// Package objective reads conditions on the result of a run, such as "p99 < 30ms", and searches for the highest rate at
// which they hold.
//
// A condition is a metric, an operator and a limit:
//
//	p99<30ms           a time, with its unit
//	errors<=0.1%       a fraction, as such or in percent
//	tasks_per_s>=5000  a number
//	p99>1.1x           a multiple of what the other side of a comparison has
//
// The metrics are named as in the JSON of a run: those of the response by themselves (mean, p50, p90, p95, p99, p999,
// max), those of other distributions behind a dot (wait.p99, service.mean, lag.p99, accept.p50), and ideal.p99 or
// simulated.p99 for the response as a multiple of what the same jobs take there. [Metrics] lists them all.
//
// # The search
//
// A fleet that is measured is noisy: at the same rate an objective holds in one run and not in the next, and the nearer
// the edge the more so. [Search] doubles the rate until the objective does not hold, then halves the gap, and
//
//   - takes the word of one run only for an objective that holds with room to spare; all else is put to the vote of
//     several;
//   - asks again at the two rates that it is about to name, more often, and goes on if a vote turns;
//   - never counts a run in which the generator lagged as one that holds, and tells apart whether the fleet or the
//     generator ended the climb.
//
// The search decides and does nothing else: it is handed a function that runs the load.
package objective
