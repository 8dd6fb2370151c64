// Package search plans a search for lines over files as tasks of the built-in app grep,
// and puts the counts that come back together: what `dunnock demo` runs.
//
// [NewPlan] finds the regular files under some paths and cuts each into ranges of
// about 1 MiB, one task each; [Plan.Merge] turns the tasks' counts into one line
// per file. [Count] counts the same lines one file after another in the plainest
// way; it exists to check the distributed search against, in tests.
//
// The package starts nothing and speaks to no fleet.
package search
