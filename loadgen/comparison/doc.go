// Package comparison says whether the runs of one side are faster than those of another by more than chance.
//
// What a run shows is one draw: the next one, of the same jobs on the same fleet, shows something else. How much runs
// vary is known only from several, so a side takes three at least ([LeastRuns]); with fewer the answer is that one
// cannot tell, whatever the figures. Each percentile of each run is one value, and the means of those values are
// compared: by pairs where both sides ran the very same jobs, which takes out what the jobs have in common, else after
// Welch. The intervals are widened for the number of lines (Bonferroni), so that the chance that even one of them is
// wrong is 1 − confidence.
//
// A line is higher or lower if its interval does not reach 0, the same if it lies within a tolerance around 0 (so that
// a difference that is certain but too small to matter does not count as one), and otherwise undecided: that no
// difference was seen does not show that there is none.
//
// Runs that are invalid, interrupted or empty are left out, by name. It does not compare unlike with like: runs of one
// side that differ in their workload or fleet are an error, and what tells the two sides apart is listed, with a
// warning if it is the jobs.
package comparison
