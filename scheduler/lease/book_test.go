package lease

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"dunnock/probe"
)

// A job without an owner is held, waits for one to come back, and is given up when none has.
func TestOrphan(t *testing.T) {
	t.Parallel()
	b := New(Config{Grace: time.Second})
	j := &Job{}
	b.Own(j)
	if do := b.Disown(5*time.Second, j); do != Suspend || j.Held() != NoOwner || j.Orphaned() != 5*time.Second || b.GivenUpAt(j) != 6*time.Second {
		t.Fatalf("do %b, held for %b since %v", do, j.Held(), j.Orphaned())
	}
	if at, ok := b.NextDue(); !ok || at != 6*time.Second {
		t.Errorf("due at %v, %v", at, ok)
	}
	if _, ok := b.Due(6*time.Second - 1); ok {
		t.Error("given up before its time")
	}
	b.Own(j)
	if do := b.Joined(j, 1); do != Resume || j.Held() != 0 || j.Epoch != 1 {
		t.Errorf("joined: do %b, held for %b, epoch %d", do, j.Held(), j.Epoch)
	}
	if _, ok := b.Due(time.Minute); ok {
		t.Error("given up though it is owned again")
	}
	b.Disown(time.Minute, j)
	if o, ok := b.Due(time.Minute + time.Second); !ok || o != j {
		t.Fatalf("%v, %v: not given up", o, ok)
	}
	if do := b.Abandon(j, 3); do != Cancel || !j.Abandoned() {
		t.Errorf("do %b, abandoned %v", do, j.Abandoned())
	}
	if _, ok := b.NextDue(); ok || len(b.Draining()) > 0 {
		t.Error("something is left")
	}
}

// A job that has lost its owner twice is given up by the later time.
func TestOrphanAgain(t *testing.T) {
	t.Parallel()
	b := New(Config{Grace: time.Second})
	j := &Job{}
	b.Own(j)
	b.Disown(0, j)
	b.Own(j)
	b.Joined(j, 0)
	b.Disown(900*time.Millisecond, j)
	if _, ok := b.Due(time.Second); ok {
		t.Error("given up by the time of the first loss")
	}
	if _, ok := b.Due(1900 * time.Millisecond); !ok {
		t.Error("not given up")
	}
}

// One that drains ends when what runs of it has ended, unless somebody comes back for it first.
func TestDrains(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	j := &Job{Drains: true}
	b.Own(j)
	if do := b.GiveUp(j, 2); do != Suspend {
		t.Fatalf("do %b", do)
	}
	for _, running := range []int{1, 0} {
		list := b.Draining()
		if len(list) != 1 || list[0] != j {
			t.Fatalf("%d running: %v", running, list)
		}
		if do := b.Abandon(j, running); (do == Cancel) != (running == 0) {
			t.Errorf("%d running: do %b", running, do)
		}
	}
	again := &Job{Drains: true}
	b.Own(again)
	b.GiveUp(again, 1)
	b.Own(again)
	b.Joined(again, 1)
	if list := b.Draining(); len(list) > 0 || again.Abandoned() {
		t.Errorf("%v is given up though it is owned again", list)
	}
}

// By its owner's word a job is given up at once; one that has others, is detached or is over is not.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	j, shared, detached, over := &Job{}, &Job{}, &Job{Detached: true}, &Job{}
	for _, x := range []*Job{j, shared, shared, detached, over} {
		b.Own(x)
	}
	b.Over(0, over)
	b.Own(over)
	for x, want := range map[*Job]Do{j: Suspend | Cancel, shared: 0, detached: 0, over: 0} {
		if do := b.GiveUp(x, 1); do != want || x.Abandoned() != (want != 0) {
			t.Errorf("do %b, want %b; abandoned %v", do, want, x.Abandoned())
		}
	}
}

// A job that was submitted anew ends here at once, even if somebody owns it, and without ending what runs: the new
// submission claims that.
func TestReplace(t *testing.T) {
	t.Parallel()
	b := New(Config{Grace: time.Second})
	j := &Job{Ref: 7}
	b.Own(j) // a client
	b.Own(j) // a request that waits
	if do := b.Replace(j, 1); do != Supersede || j.Owners() != 1 || !j.Elsewhere() {
		t.Fatalf("do %b, %d owners", do, j.Owners())
	}
	b.Over(time.Second, j)
	if m := (probe.Finished{Ref: 7}); !b.Wants(&m) {
		t.Error("what still comes in of it is not kept")
	}
	if do := b.Replace(j, 0); do != 0 {
		t.Errorf("over, and do %b", do)
	}
}

// What is asked is answered by one owner, or by nobody when all that were asked are gone.
func TestAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		steps func(b *Book, j *Job) Do // two owners were asked
		want  Do
	}{
		{"one answers", func(b *Book, j *Job) Do { return b.Answered(j, true) }, Resume},
		{"one who was not asked says so", func(b *Book, j *Job) Do { return b.Answered(j, false) }, Resume},
		{"one is gone", func(b *Book, j *Job) Do { return b.Unanswered(j) }, 0},
		{"both are gone", func(b *Book, j *Job) Do { b.Unanswered(j); return b.Unanswered(j) }, Resume},
		{"one is gone and the other answers", func(b *Book, j *Job) Do { b.Unanswered(j); return b.Answered(j, true) }, Resume},
		{"somebody submits it again", func(b *Book, j *Job) Do { return b.Joined(j, 0) }, Resume},
	} {
		b := New(Config{})
		j := &Job{}
		b.Own(j)
		b.Own(j)
		if do := b.Ask(j); do != Suspend {
			t.Fatalf("%s: do %b", c.name, do)
		}
		if do := b.Ask(j); do != 0 || j.Held() != Asked {
			t.Fatalf("%s: do %b, held for %b", c.name, do, j.Held())
		}
		if do := c.steps(b, j); do != c.want || (j.Held() == 0) != (c.want == Resume) {
			t.Errorf("%s: do %b, held for %b", c.name, do, j.Held())
		}
	}
}

// The table of what becomes of a job that is submitted under an id that is known.
func TestRejoin(t *testing.T) {
	t.Parallel()
	plain := func(*Book, *Job) {}
	superseded := func(b *Book, j *Job) { b.Superseded(j) }
	replaced := func(b *Book, j *Job) { b.Replace(j, 1) }
	abandoned := func(b *Book, j *Job) { b.GiveUp(j, 0); b.Over(0, j) }
	crowded := func(b *Book, j *Job) { b.Own(j); b.Own(j) }
	for _, c := range []struct {
		name  string
		state func(b *Book, j *Job)
		r     Return
		want  Answer
	}{
		{"the same epoch", plain, Return{Epoch: 3, Covers: true}, Join},
		{"the next one", plain, Return{Epoch: 4, Covers: true}, Join},
		{"an earlier one", plain, Return{Epoch: 2, Covers: true}, Join},
		{"somebody else may have had it", plain, Return{Epoch: 5, Covers: true}, Anew},
		{"another job", plain, Return{Epoch: 5, Covers: true, Other: true}, OtherSpec},
		{"tasks are not run here", plain, Return{Epoch: 3}, Narrower},
		{"tasks are not run here, later", plain, Return{Epoch: 4}, Anew},
		{"results are gone", plain, Return{Epoch: 3, Covers: true, Lacks: true}, Delivered},
		{"results are gone, later", plain, Return{Epoch: 4, Covers: true, Lacks: true}, Anew},
		{"another scheduler has it", superseded, Return{Epoch: 3, Covers: true}, Elsewhere},
		{"another scheduler has it, later", superseded, Return{Epoch: 4, Covers: true}, Anew},
		{"a later submission has it", replaced, Return{Epoch: 3, Covers: true}, Elsewhere},
		{"a later submission has it, later", replaced, Return{Epoch: 4, Covers: true}, Anew},
		{"it was given up", abandoned, Return{Epoch: 3, Covers: true}, Join},
		{"it was given up, later", abandoned, Return{Epoch: 4, Covers: true}, Anew},
		{"too many", crowded, Return{Epoch: 3, Covers: true}, Crowded},
		{"too many, later", crowded, Return{Epoch: 4, Covers: true}, Crowded},
	} {
		b := New(Config{MaxOwners: 3})
		j := &Job{Epoch: 3}
		b.Own(j)
		c.state(b, j)
		if got := b.Rejoin(j, c.r); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Jobs that may go on elsewhere are remembered for a while when they are over, and no more than a number of them. That
// an attempt of theirs was stopped is nobody's.
func TestParted(t *testing.T) {
	t.Parallel()
	b := New(Config{MaxParted: 3, PartedFor: 10})
	wants := func(ref probe.Ref) bool { return b.Wants(&probe.Finished{Ref: ref, Status: probe.StatusOK}) }
	for i, part := range []func(j *Job){
		func(j *Job) { b.Own(j); b.GiveUp(j, 0) },
		b.Superseded,
		func(j *Job) { b.Replace(j, 0) },
		func(*Job) {},
		b.Superseded,
	} {
		j := &Job{Ref: probe.Ref(i)}
		part(j)
		b.Over(time.Duration(i), j)
	}
	for ref, want := range []bool{false, true, true, false, true} {
		if wants(probe.Ref(ref)) != want {
			t.Errorf("job %d: %v", ref, !want)
		}
	}
	if b.Wants(&probe.Finished{Ref: 1, Status: probe.StatusKilled}) {
		t.Error("an attempt that was stopped is wanted")
	}
	if b.Forget(11); !wants(1) {
		t.Error("forgotten before its time")
	}
	if b.Forget(12); wants(1) || !wants(2) {
		t.Error("the second is remembered, or the third is not")
	}
}

// TestBookAgainstModel holds holds and counts of a few jobs against what has happened to them.
func TestBookAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(Config{Grace: 10})
		now := time.Duration(0)
		jobs := make([]*Job, 3)
		suspended := make([]bool, len(jobs)) // as the caller was told
		for i := range jobs {
			jobs[i] = &Job{Ref: probe.Ref(i), Detached: i == 2}
		}
		do := func(i int, what Do) {
			if what&Suspend != 0 {
				if suspended[i] {
					t.Fatalf("job %d is suspended twice", i)
				}
				suspended[i] = true
			}
			if what&Resume != 0 {
				if !suspended[i] {
					t.Fatalf("job %d goes on, and was not suspended", i)
				}
				suspended[i] = false
			}
			if what&Cancel != 0 {
				b.Over(now, jobs[i])
				suspended[i] = false
			}
		}
		pick := func(t *rapid.T) int { return rapid.IntRange(0, len(jobs)-1).Draw(t, "job") }
		why := rapid.SampledFrom([]Hold{NoOwner, Asked, Unread, NoOwner | Asked})
		t.Repeat(map[string]func(*rapid.T){
			"own":     func(t *rapid.T) { i := pick(t); b.Own(jobs[i]); do(i, b.Joined(jobs[i], 0)) },
			"hold":    func(t *rapid.T) { i := pick(t); do(i, b.Hold(jobs[i], Unread)) },
			"release": func(t *rapid.T) { i := pick(t); do(i, b.Release(jobs[i], why.Draw(t, "why"))) },
			"ask":     func(t *rapid.T) { i := pick(t); do(i, b.Ask(jobs[i])) },
			"answer":  func(t *rapid.T) { i := pick(t); do(i, b.Answered(jobs[i], true)) },
			"gone":    func(t *rapid.T) { i := pick(t); do(i, b.Unanswered(jobs[i])) },
			"disown": func(t *rapid.T) {
				if i := pick(t); jobs[i].Owners() > 0 {
					do(i, b.Disown(now, jobs[i]))
				}
			},
			"give up": func(t *rapid.T) {
				if i := pick(t); jobs[i].Owners() > 0 {
					do(i, b.GiveUp(jobs[i], 0))
				}
			},
			"end": func(t *rapid.T) { i := pick(t); do(i, Cancel) },
			"new": func(t *rapid.T) {
				if i := pick(t); jobs[i].over {
					jobs[i] = &Job{Ref: probe.Ref(i), Detached: i == 2}
				}
			},
			"time": func(t *rapid.T) {
				now += time.Duration(rapid.IntRange(1, 15).Draw(t, "d"))
				for j, ok := b.Due(now); ok; j, ok = b.Due(now) {
					if i := int(j.Ref); jobs[i] == j {
						do(i, b.Abandon(j, 0))
					} else {
						t.Fatalf("job %d is due, and over", i)
					}
				}
			},
			"": func(t *rapid.T) {
				var want Counts
				for i, j := range jobs {
					if suspended[i] != (j.Held() != 0) {
						t.Fatalf("job %d is held for %b, and suspended: %v", i, j.Held(), suspended[i])
					}
					if j.over && (j.Held() != 0 || j.asked > 0) {
						t.Fatalf("job %d is over, and held for %b; %d were asked", i, j.Held(), j.asked)
					}
					want.add(j.Held(), 1)
				}
				if b.Held() != want {
					t.Fatalf("counted %+v, want %+v", b.Held(), want)
				}
			},
		})
	})
}
