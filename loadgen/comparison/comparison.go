package comparison

import (
	"errors"
	"fmt"

	"dunnock/internal/stat"
	"dunnock/loadgen"
)

// LeastRuns is how many valid runs of each side it takes to know how much runs vary.
const LeastRuns = 3

// Run is a result and where it is from, for messages.
type Run struct {
	Name   string // such as "a.json, run 2"
	Result *loadgen.Result
}

// Config says how to compare.
type Config struct {
	Confidence float64 // of all intervals together, above 0.5 and below 1
	Tolerance  float64 // what counts as the same, as a fraction of A: 0 to 1
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var faults []error
	if !(c.Confidence > 0.5 && c.Confidence < 1) {
		faults = append(faults, fmt.Errorf("confidence: want more than 0.5 and less than 1, got %g", c.Confidence))
	}
	if !(c.Tolerance >= 0 && c.Tolerance <= 1) {
		faults = append(faults, fmt.Errorf("tolerance: want 0 to 1, got %g", c.Tolerance))
	}
	return errors.Join(faults...)
}

// Comparison is what [Compare] finds.
type Comparison struct {
	Confidence float64 `json:"confidence"`
	Tolerance  float64 `json:"tolerance"`
	A          Side    `json:"a"`
	B          Side    `json:"b"`
	// Differs lists what tells the sides apart.
	Differs []Difference `json:"differs"`
	// Method is MethodPaired, MethodWelch or MethodNone.
	Method string `json:"method"`
	Lines  []Line `json:"lines"`  // of the response
	Others []Pair `json:"others"` // not tested
	// Verdict is VerdictLower, VerdictHigher (B than A), VerdictMixed, VerdictSame or VerdictUnknown; Text says it in
	// words.
	Verdict  string   `json:"verdict"`
	Text     string   `json:"text"`
	Warnings []string `json:"warnings"` // what to know before one believes it
	Checks   []Check  `json:"checks,omitempty"`

	a, b []*loadgen.Result // that are compared; in pairs if the method is
}

// Side sums up one side.
type Side struct {
	Runs    int       `json:"runs"` // that are compared
	LeftOut []LeftOut `json:"left_out"`
	Seeds   []uint64  `json:"seeds"` // of those that are compared
}

// LeftOut is a run that is not compared.
type LeftOut struct {
	Run string `json:"run"`
	Why string `json:"why"`
}

// Difference is something that tells the sides apart.
type Difference struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
	// Jobs says that it changes which jobs there are, or when.
	Jobs bool `json:"jobs"`
}

// Line compares one metric of the response, in milliseconds.
type Line struct {
	Metric string        `json:"metric"`
	A      stat.Estimate `json:"a"`
	B      stat.Estimate `json:"b"`
	// Difference is B − A; Low and High are its interval, which holds for all lines together.
	Difference float64 `json:"difference"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	// Verdict is VerdictLower, VerdictHigher, VerdictSame or VerdictUnknown; of a line without an interval the last.
	Verdict string `json:"verdict"`
	Why     string `json:"why,omitempty"` // there is no interval
}

// Pair is a number of each side: the mean over its runs; null where runs do not have it.
type Pair struct {
	Metric string   `json:"metric"`
	A      *float64 `json:"a"`
	B      *float64 `json:"b"`
}

// Methods of a [Comparison].
const (
	MethodPaired = "paired"
	MethodWelch  = "welch"
	MethodNone   = "none"
)

// Verdicts of a [Line] and of a [Comparison].
const (
	VerdictLower   = "lower"
	VerdictHigher  = "higher"
	VerdictSame    = "same"
	VerdictMixed   = "mixed" // lower in some, higher in others
	VerdictUnknown = "unknown"
)

// Compare compares two sides, of which each has one run at least. Runs of one side that are not of one kind are an
// error.
func Compare(a, b []Run, cfg Config) (*Comparison, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Comparison{Confidence: cfg.Confidence, Tolerance: cfg.Tolerance, Differs: []Difference{}, Others: []Pair{}, Warnings: []string{}}
	var err error
	if c.a, err = c.A.take("A", a); err != nil {
		return nil, err
	}
	if c.b, err = c.B.take("B", b); err != nil {
		return nil, err
	}
	c.Differs = append(c.Differs, differences(sample(c.a, a), sample(c.b, b))...)
	c.choose()
	c.A.Runs, c.B.Runs = len(c.a), len(c.b)
	c.A.Seeds, c.B.Seeds = seeds(c.a), seeds(c.b)
	c.lines()
	c.others()
	c.warn()
	c.judge()
	return c, nil
}

// choose settles how the sides are compared, and puts their runs into pairs if that is how.
func (c *Comparison) choose() {
	c.Method = MethodNone
	if len(c.a) < LeastRuns || len(c.b) < LeastRuns {
		return
	}
	c.Method = MethodWelch
	byDigest := digests(c.b)
	if len(byDigest) < len(c.b) || len(digests(c.a)) < len(c.a) {
		return // runs of the same jobs again and again: which belongs to which would be arbitrary
	}
	var a, b []*loadgen.Result
	for _, r := range c.a {
		if other := byDigest[r.Digest]; other != nil {
			a, b = append(a, r), append(b, other)
		}
	}
	if len(a) >= LeastRuns && len(a) == min(len(c.a), len(c.b)) {
		c.Method, c.a, c.b = MethodPaired, a, b
	}
}

// digests returns the runs by the digest of their jobs.
func digests(runs []*loadgen.Result) map[string]*loadgen.Result {
	by := make(map[string]*loadgen.Result, len(runs))
	for _, r := range runs {
		if r.Digest != "" {
			by[r.Digest] = r
		}
	}
	return by
}

func seeds(runs []*loadgen.Result) []uint64 {
	list := make([]uint64, 0, len(runs))
	for _, r := range runs {
		list = append(list, r.Seed)
	}
	return list
}

// sample returns a run that stands for its side: one that is compared if there is one.
func sample(used []*loadgen.Result, all []Run) *loadgen.Result {
	if len(used) > 0 {
		return used[0]
	}
	return all[0].Result
}
