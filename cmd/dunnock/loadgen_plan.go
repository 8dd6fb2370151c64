package main

import (
	"fmt"
	"time"

	"dunnock/loadgen"
	"dunnock/loadgen/workload"
)

// dryRun opens a workload file, or makes a workload for a fleet of any size, so that what is wrong with it is found
// before a fleet is started.
func (c *loadgenRunCmd) dryRun(p *process) error {
	if c.Workload == "-" {
		return nil
	}
	most, nodes := c.planned(c.Seed)
	source, _, closeSource, err := c.workloadFlags.open(p, 1, most, nodes)
	if err != nil {
		return err
	}
	defer closeSource()
	if c.Workload == "" {
		return nil
	}
	var j workload.Job
	tasks := 0
	for source.Next(&j) {
		tasks += len(j.Service)
	}
	c.meanTasks = float64(tasks) / float64(max(source.Jobs(), 1))
	if err := source.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.Workload, err)
	}
	if source.Jobs() == 0 {
		return fmt.Errorf("%s: no jobs", c.Workload)
	}
	return nil
}

// plan is what the flags ask for, for the report. slots are those of the fleet.
func (f *workloadFlags) plan(load float64, slots int) loadgen.Plan {
	plan := loadgen.Plan{Workload: f.describe(), Seed: f.Seed, Load: load, Length: f.Duration, Jobs: f.Jobs}
	spec := f.spec(slots)
	for i := range f.Stages.Len() {
		length := time.Duration(float64(f.Stages.Stage(i).Length) * f.TimeScale)
		plan.Stages = append(plan.Stages, loadgen.PlannedStage{
			Load: spec.StageLoad(i), Rate: spec.StageRate(i) / f.TimeScale, Length: length,
		})
		if i == 0 && f.Duration == 0 {
			plan.Length = 0
		}
		if f.Duration == 0 {
			plan.Length += length
		}
	}
	return plan
}

// describe names the workload.
func (f *workloadFlags) describe() string {
	text := fmt.Sprintf("tasks=%s service=%s arrival=%s", f.Tasks, f.Service, f.Arrival)
	switch {
	case f.Workload != "":
		text = f.Workload
	case f.Stages.Len() > 0:
		text += " stages=" + f.Stages.String()
	case f.Rate != 0:
		text += fmt.Sprintf(" rate=%g", f.Rate)
	}
	if f.TaskSlots != (workload.Tasks{}) {
		text += " task-slots=" + f.TaskSlots.String()
	}
	for _, word := range f.demands() {
		text += " " + word //nolint:perfsprint // a few, once a run
	}
	if users := f.Users.String(); users != "" {
		text += " users=" + users
	}
	if ranks := f.Priority.String(); ranks != "" {
		text += " priority=" + ranks
	}
	if f.Deadlines != (workload.Service{}) {
		text += " deadlines=" + f.Deadlines.String()
	}
	if f.Keys != (workload.Keys{}) {
		text += " keys=" + f.Keys.String()
		if f.Cache > 0 {
			text += fmt.Sprintf(" cache=%d miss-cost=%g", f.Cache, f.MissCost)
		}
		if !f.Affinity {
			text += " no-affinity"
		}
	}
	if f.Estimates != (workload.Estimates{}) {
		text += " estimates=" + f.Estimates.String()
	}
	if f.TimeScale != 1 {
		text += fmt.Sprintf(" time-scale=%g", f.TimeScale)
	}
	return text
}
