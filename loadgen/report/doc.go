// Package report shows runs of the load generator on one HTML page: the response over time and on a percentile axis,
// beside what the same jobs take under an omniscient scheduler and in the simulator, where the response went, what each
// worker, user and stage saw, what went wrong, and what it takes to run it again. The page is whole by itself
// ([dunnock/internal/page]).
package report
