package workload

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dunnock/task"
)

// maxNeeds bounds how many a [Spec] has.
const maxNeeds = 256

// Need is what the tasks of some jobs take of their workers. Of those that are of a job's user, or of nobody if that
// user has none, each job draws one, in proportion to their shares.
type Need struct {
	User      string // empty: whose jobs have none of their own
	Slots     int    // 0: one, or as [Spec].Width says
	Resources map[string]uint32
	Share     float64 // more than 0
}

// ParseNeed reads what tasks take:
//
//	cpu=2,memory=4                    tasks of all jobs
//	slots=4,gpu=1@0.1                 of some, beside cpu=2,memory=4@0.9
//	ann:cpu=1,memory=4                of ann's jobs
func ParseNeed(s string) (Need, error) {
	n, err := parseNeed(s)
	if err != nil {
		return Need{}, fmt.Errorf("need %s: %w", quote(s), err)
	}
	return n, nil
}

func parseNeed(s string) (Need, error) {
	user, text, found := cutLast(s, ":")
	if !found {
		user, text = "", s
	} else if user == "" || len(user) > MaxUser {
		return Need{}, fmt.Errorf("want USER:NAME=N,…, where a user has 1 to %d bytes", MaxUser)
	}
	n := Need{User: user, Share: 1}
	text, share, given := strings.Cut(text, "@")
	if given {
		v, err := strconv.ParseFloat(share, 64)
		if err != nil || !within(v, minShare, maxShare) {
			return Need{}, fmt.Errorf("share: want a number from %g to %g, got %s", minShare, maxShare, quote(share))
		}
		n.Share = v
	}
	for part := range strings.SplitSeq(text, ",") {
		name, amount, err := amount(part)
		if err != nil {
			return Need{}, err
		}
		if _, twice := n.Resources[name]; twice || name == task.SlotsName && n.Slots > 0 {
			return Need{}, fmt.Errorf("%s is there twice", name)
		}
		switch {
		case name == task.SlotsName && (amount < 1 || amount > MaxWidth):
			return Need{}, fmt.Errorf("slots: want 1 to %d, got %d", MaxWidth, amount)
		case name == task.SlotsName:
			n.Slots = int(amount)
			continue
		case n.Resources == nil:
			n.Resources = make(map[string]uint32)
		}
		n.Resources[name] = amount
	}
	if len(n.Resources) > task.MaxResources {
		return Need{}, fmt.Errorf("at most %d resources, got %d", task.MaxResources, len(n.Resources))
	}
	return n, nil
}

// String returns the form that [ParseNeed] reads.
func (n Need) String() string {
	var parts []string
	if n.Slots > 0 {
		parts = append(parts, "slots="+strconv.Itoa(n.Slots))
	}
	for _, name := range slices.Sorted(maps.Keys(n.Resources)) {
		parts = append(parts, name+"="+strconv.FormatUint(uint64(n.Resources[name]), 10))
	}
	text := strings.Join(parts, ",")
	if n.User != "" {
		text = n.User + ":" + text
	}
	if n.Share != 1 {
		text += "@" + formatFloat(n.Share)
	}
	return text
}

// MarshalText is [Need.String] for encoders.
func (n Need) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText is [ParseNeed] for decoders and command lines.
func (n *Need) UnmarshalText(b []byte) (err error) {
	*n, err = ParseNeed(string(b))
	return err
}

// validateNeeds reports what is wrong with a Spec's needs.
func (s *Spec) validateNeeds() (faults []error) {
	if len(s.Needs) > maxNeeds {
		faults = append(faults, fmt.Errorf("need: at most %d, got %d", maxNeeds, len(s.Needs)))
	}
	for i := range s.Needs {
		n := &s.Needs[i]
		if n.User != "" && !s.Users.has(n.User) {
			faults = append(faults, fmt.Errorf("need %s: no job is of user %s", n, quote(n.User)))
		}
		if n.Slots > 0 && s.Width != (Tasks{}) {
			faults = append(faults, errors.New("need, task slots: how many slots a task takes is said by one of them"))
		}
	}
	return faults
}

// needsOf returns those that the jobs of a user draw from.
func needsOf(needs []Need, user string) []Need {
	pick := func(user string) []Need {
		var own []Need
		for i := range needs {
			if needs[i].User == user {
				own = append(own, needs[i])
			}
		}
		return own
	}
	if own := pick(user); len(own) > 0 {
		return own
	}
	return pick("")
}

// meanWidth is the mean of how many slots a task takes.
func (s *Spec) meanWidth() float64 {
	if s.Width != (Tasks{}) {
		return s.Width.Mean()
	}
	users := s.Users.list
	if len(users) == 0 {
		users = []userShare{{share: 1}}
	}
	var sum, of float64
	for _, u := range users {
		mean, all := 1.0, 0.0
		if needs := needsOf(s.Needs, u.name); len(needs) > 0 {
			mean = 0
			for i := range needs {
				mean += float64(needs[i].Share * float64(max(needs[i].Slots, 1)))
				all += needs[i].Share
			}
			mean /= all
		}
		sum += float64(u.share * mean)
		of += u.share
	}
	return sum / of
}

// needer draws what the tasks of jobs take.
type needer struct {
	of   map[string][]Need // by user
	all  []Need
	from stream
}

// draw says what the tasks of a job take.
func (d *needer) draw(j *Job, index uint64) {
	needs, known := d.of[j.User]
	if !known {
		needs = needsOf(d.all, j.User)
		d.of[j.User] = needs
	}
	if len(needs) == 0 {
		return
	}
	var sum float64
	for i := range needs {
		sum += needs[i].Share
	}
	at, i := float64(uniform(d.from.at(index))*sum), 0
	for ; i < len(needs)-1 && at >= needs[i].Share; i++ {
		at -= needs[i].Share
	}
	if needs[i].Slots > 0 {
		j.Slots = needs[i].Slots
	}
	j.Resources = needs[i].Resources
}
