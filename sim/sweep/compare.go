package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dunnock/sim"
)

// maxResults bounds a file of results.
const maxResults = 256 << 20

// Results are the runs of one side of a comparison, as [ReadResults] reads them.
type Results struct{ runs []resultsRun } // with all parameters in Params

// ReadResults reads what `dunnock sim run --json` has printed, once or several times one after the other, or the
// JSONFile of a sweep.
func ReadResults(r io.Reader) (*Results, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxResults+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxResults:
		return nil, fmt.Errorf("longer than %d bytes", maxResults)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	var out Results
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		line := 1 + bytes.Count(text[:min(int(decoder.InputOffset()), len(text))], []byte("\n"))
		switch {
		case errors.Is(err, io.EOF) && len(out.runs) > 0:
			return &out, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("no results")
		case err != nil:
			return nil, fmt.Errorf("line %d: no JSON: %w", line, err)
		}
		if err := out.add(raw); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// add takes one object: a sweep's, or a run's.
func (r *Results) add(raw json.RawMessage) error {
	var file resultsFile
	if err := json.Unmarshal(raw, &file); err == nil && len(file.Runs) > 0 {
		for i, run := range file.Runs {
			if run.Result == nil {
				return fmt.Errorf("run %d has no result", i+1)
			}
			params := maps.Clone(file.Fixed)
			if params == nil {
				params = make(map[string]string)
			}
			maps.Copy(params, run.Params)
			run.Params = params
			r.runs = append(r.runs, run)
		}
		return nil
	}
	var one sim.Result
	if err := json.Unmarshal(raw, &one); err != nil || one.Policy == "" || one.Jobs == 0 {
		return errors.New("neither what 'sim run --json' prints nor a sweep's results.json")
	}
	r.runs = append(r.runs, resultsRun{Seed: one.Seed, Result: &one, Params: map[string]string{
		"policy": one.Policy, "load": shortest(one.Load), "workers": strconv.Itoa(one.Workers), "slots": strconv.Itoa(one.Slots),
		"schedulers": strconv.Itoa(one.Schedulers), "jobs": strconv.FormatUint(one.Jobs, 10),
	}})
	return nil
}

// Comparison is what [Compare] finds.
type Comparison struct {
	// Confidence is the level of the intervals.
	Confidence float64 `json:"confidence"`
	// Differs are the parameters that are the same throughout each side, but not on both.
	Differs []Difference `json:"differs"`
	Groups  []Group      `json:"groups"`
	// Unmatched is how many combinations of parameters only one side has.
	Unmatched int `json:"unmatched"`
	// Tests is how many metrics of how many groups could be tested.
	Tests int `json:"tests"`
	// Different is how many of them differ for certain: beyond an interval that is widened for the number of tests
	// (Bonferroni), so that the chance that even one of them is wrong is 1 − Confidence at most.
	Different int `json:"different"`
}

// Difference is a parameter that tells the sides apart.
type Difference struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Group is one combination of parameters that both sides have.
type Group struct {
	Label string `json:"label"` // by the parameters that vary; empty if none does
	// Method is "paired" where both sides have the same seeds: their differences are tested, so that what the jobs of a
	// seed have in common cancels out. Otherwise it is "welch", or "batch means" with one run on each side that is not
	// the other's pair, where only the mean can be tested; "identical" if the digests are, and "none" if nothing can be
	// said.
	Method string `json:"method"`
	SeedsA int    `json:"seeds_a"`
	SeedsB int    `json:"seeds_b"`
	Lines  []Line `json:"lines"`
}

// Line compares one metric.
type Line struct {
	Metric string  `json:"metric"`
	A      float64 `json:"a"` // mean over the seeds that are compared
	B      float64 `json:"b"`
	// Difference is B − A; Low and High are its interval, as wide as Confidence says for this metric alone.
	Difference float64 `json:"difference"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Tested     bool    `json:"tested"` // there is an interval
	// Verdict is "same" if the interval has 0 in it, "lower" or "higher" (B than A) if it has not even when widened for
	// the number of tests, with a question mark if it has only then, and "unknown" without an interval.
	Verdict string `json:"verdict"`
}

// Verdicts of a [Line].
const (
	VerdictSame    = "same"
	VerdictLower   = "lower"
	VerdictHigher  = "higher"
	VerdictMaybe   = "?" // behind lower or higher
	VerdictUnknown = "unknown"
)

// Methods of a [Group].
const (
	methodPaired    = "paired"
	methodWelch     = "welch"
	methodBatches   = "batch means"
	methodIdentical = "identical"
	methodNone      = "none"
)

// Compare compares the response of two sets of results, mean, p50, p95 and p99, for each combination of parameters that
// both have. The confidence is that of the intervals, above 0.5 and below 1; NaN and others are errors.
func Compare(a, b *Results, confidence float64) (*Comparison, error) {
	if !(confidence > 0.5 && confidence < 1) {
		return nil, fmt.Errorf("confidence: want more than 0.5 and less than 1, got %g", confidence)
	}
	c := &Comparison{Confidence: confidence}
	names := c.matching(a, b)
	sideA, err := group(a, names)
	if err != nil {
		return nil, fmt.Errorf("first file: %w", err)
	}
	sideB, err := group(b, names)
	if err != nil {
		return nil, fmt.Errorf("second file: %w", err)
	}
	varying := varyingNames(names, a, b)
	var tests []test
	for _, key := range sideA.keys {
		if sideB.groups[key] == nil {
			c.Unmatched++
			continue
		}
		g, ts := compareGroup(sideA.groups[key], sideB.groups[key])
		g.Label = label(sideA.groups[key][0].Params, varying)
		for i := range ts {
			ts[i].group = len(c.Groups)
		}
		tests = append(tests, ts...)
		c.Groups = append(c.Groups, g)
	}
	for _, key := range sideB.keys {
		if sideA.groups[key] == nil {
			c.Unmatched++
		}
	}
	if len(c.Groups) == 0 {
		return nil, errors.New("the files have no combination of parameters in common")
	}
	c.judge(tests)
	return c, nil
}

// judge turns tests into intervals and verdicts, once it is known how many there are.
func (c *Comparison) judge(tests []test) {
	alpha := 1 - c.Confidence
	for _, t := range tests {
		if t.possible {
			c.Tests++
		}
	}
	for _, t := range tests {
		l := Line{Metric: t.metric, A: t.A, B: t.B, Difference: t.Mean, Low: t.Mean, High: t.Mean, Tested: t.possible, Verdict: VerdictUnknown}
		if t.possible {
			half := t.half(alpha)
			l.Low, l.High = t.Mean-half, t.Mean+half
			l.Verdict = VerdictSame
			if math.Abs(t.Mean) > half {
				l.Verdict = VerdictHigher
				if t.Mean < 0 {
					l.Verdict = VerdictLower
				}
				if math.Abs(t.Mean) > t.half(alpha/float64(c.Tests)) {
					c.Different++
				} else {
					l.Verdict += VerdictMaybe
				}
			}
		}
		c.Groups[t.group].Lines = append(c.Groups[t.group].Lines, l)
	}
}

// matching returns the parameters that runs are matched by, and notes in c those that only tell the sides apart.
func (c *Comparison) matching(a, b *Results) []string {
	valuesA, valuesB := parameterValues(a), parameterValues(b)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(valuesA)) {
		va, vb := valuesA[name], valuesB[name]
		if len(vb) == 0 {
			continue // only one side says it
		}
		if len(va) == 1 && len(vb) == 1 && va[0] != vb[0] {
			c.Differs = append(c.Differs, Difference{name, va[0], vb[0]})
			continue
		}
		names = append(names, name)
	}
	return names
}

// parameterValues returns the distinct values of each parameter.
func parameterValues(r *Results) map[string][]string {
	values := make(map[string][]string)
	for _, run := range r.runs {
		for name, v := range run.Params {
			if !slices.Contains(values[name], v) {
				values[name] = append(values[name], v)
			}
		}
	}
	return values
}

// varyingNames returns the names that have several values on either side, in the order of params.
func varyingNames(names []string, a, b *Results) []string {
	valuesA, valuesB := parameterValues(a), parameterValues(b)
	order := Names()
	var varying []string
	for _, name := range order {
		if slices.Contains(names, name) && (len(valuesA[name]) > 1 || len(valuesB[name]) > 1) {
			varying = append(varying, name)
		}
	}
	return varying
}

func label(params map[string]string, names []string) string {
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, name+" "+params[name])
	}
	return strings.Join(parts, ", ")
}

// side holds the runs of a file by their parameters but the seed, and the order in which those came.
type side struct {
	keys   []string
	groups map[string][]resultsRun
}

func group(r *Results, names []string) (*side, error) {
	s := &side{groups: make(map[string][]resultsRun)}
	for _, run := range r.runs {
		key := label(run.Params, names)
		if s.groups[key] == nil {
			s.keys = append(s.keys, key)
		}
		for _, other := range s.groups[key] {
			if other.Seed == run.Seed {
				return nil, fmt.Errorf("two results of seed %d for %s", run.Seed, key)
			}
		}
		s.groups[key] = append(s.groups[key], run)
	}
	return s, nil
}
