package objective_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"dunnock/loadgen"
	"dunnock/loadgen/objective"
)

// run is a result whose metrics all differ.
func run(t *testing.T) *loadgen.Result {
	t.Helper()
	const text = `{"valid":true,"jobs":1000,"failed_tasks":7,"utilization":0.75,"tasks_per_s":5000,"rate":500,"messages_per_task":6.5,
"response_ms":{"mean":20,"p50":18,"p90":24,"p95":26,"p99":30,"p999":40,"max":50},"wait_ms":{"mean":1,"p50":2,"p95":3,"p99":4,"p999":5},
"service_ms":{"count":9000,"mean":10,"p99":11},"lag_ms":{"count":1000,"p99":0.5},"accept_ms":{"count":1000,"p50":0.25},"errors":{"timeout":3,"overload":2},
"bound":{"ideal":{"policy":"ideal"},"ratio_ideal":{"mean":1.5,"p99":1.25}}}`
	var r loadgen.Result
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestCondition(t *testing.T) {
	r := run(t)
	for text, want := range map[string]objective.Check{
		"p99<30ms":               {Value: 30, Holds: false},
		"p99<=30ms":              {Value: 30, Holds: true},
		"p99>30ms":               {Value: 30, Holds: false},
		"p99>=30ms":              {Value: 30, Holds: true},
		" mean  <  0.021s ":      {Value: 20, Holds: true},
		"response.p50<18ms":      {Value: 18},
		"p99.9>39999us":          {Value: 40, Holds: true},
		"p999>40ms":              {Value: 40},
		"max>50ms":               {Value: 50},
		"wait.p95<3001us":        {Value: 3, Holds: true},
		"wait.p99.9<=5ms":        {Value: 5, Holds: true},
		"service.mean>1s":        {Value: 10},
		"lag.p99<2ms":            {Value: 0.5, Holds: true},
		"accept.p50>0s":          {Value: 0.25, Holds: true},
		"errors<=0.5%":           {Value: 0.005, Holds: true},
		"errors<0.005":           {Value: 0.005},
		"failed_tasks>0":         {Value: 7, Holds: true},
		"utilization>=75 %":      {Value: 0.75, Holds: true},
		"tasks_per_s>=5e3":       {Value: 5000, Holds: true},
		"rate<500":               {Value: 500},
		"messages_per_task<=6.5": {Value: 6.5, Holds: true},
		"ideal.p99<=1.25":        {Value: 1.25, Holds: true},
		"ideal.mean>1.5":         {Value: 1.5},
	} {
		c, err := objective.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want.Condition = strings.TrimSpace(text)
		if got, err := c.Of(r); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestConditionRelative(t *testing.T) {
	for _, c := range []struct {
		text        string
		value, base float64
		want        bool
	}{
		{"p99>1.1x", 110, 100, false},
		{"p99>1.1x", 111, 100, true},
		{"tasks_per_s<0.9x", 80, 100, true},
		{"errors>1x", 0.01, 0, true},
		{"p99>50ms", 60, 100, true}, // not relative
	} {
		condition, err := objective.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := condition.Holds(c.value, c.base); got != c.want {
			t.Errorf("%s of %v beside %v: got %v", c.text, c.value, c.base, got)
		}
		if _, err := condition.Of(run(t)); (err != nil) != condition.Relative() {
			t.Errorf("%s of a single run: got %v", c.text, err)
		}
	}
}

// What a run does not have is an error, not a zero that holds.
func TestConditionMissing(t *testing.T) {
	bare := &loadgen.Result{Valid: true}
	for _, text := range []string{"ideal.p99<2", "simulated.p50<2", "messages_per_task<9"} {
		c, err := objective.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Of(bare); err == nil {
			t.Errorf("%s: got %+v", text, got)
		}
	}
	c, err := objective.Parse("simulated.p50<2")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Of(run(t)); err == nil {
		t.Errorf("there is ideal only, got %+v", got)
	}
}

// A fleet that takes no job has no response, and so none that is short.
func TestConditionNothing(t *testing.T) {
	refused := &loadgen.Result{Valid: true, Jobs: 100, Errors: map[string]uint64{"overload": 100}}
	for _, text := range []string{"p99<30ms", "max>=0s", "wait.p99<1ms", "service.mean<1s", "accept.p50<1s", "lag.p99<1s"} {
		c, err := objective.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Of(refused); !errors.Is(err, objective.ErrNothing) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
		if got, checks, err := objective.Read([]objective.Condition{c}, refused); err != nil || got != objective.Broken || checks[0].Holds {
			t.Errorf("%s: read as %v with %+v, %v", text, got, checks, err)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "want a condition such as p99<30ms",
		"p99":                              "want a metric, one of < <= > >=, and a limit",
		"p99=30ms":                         "want one of < <= > >= between",
		"p99==30ms":                        "want one of < <= > >= between",
		"p99!=30ms":                        "want one of < <= > >= between",
		"p99≤30ms":                         "want one of < <= > >= between",
		"10ms<p99<30ms":                    "want one of < <= > >= between",
		"p99<30":                           "want one with its unit, such as 50ms",
		"p99<-3ms":                         "p99 is a time",
		"p99<":                             "p99 is a time",
		"p99<NaNx":                         "want a multiple such as 1.1x",
		"p99>1e999x":                       "want a multiple such as 1.1x",
		"<30ms":                            `no metric ""`,
		"p98<30ms":                         `no metric "p98": want mean, p50, p90`,
		"wait.p90<1ms":                     `no metric "wait.p90"`,
		"errors<5ms":                       "errors is a fraction",
		"errors<200%":                      "errors is a fraction",
		"failed_tasks<x":                   "want a multiple",
		"rate<1/s":                         "rate is a number without a unit",
		strings.Repeat("p", 5000) + "<1ms": "…",
	} {
		c, err := objective.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 500 {
			t.Errorf("%q: got %+v, %v, want %q", clip(text), c, err, want)
		}
	}
}

// Every metric that is listed can be asked for, and what a wrong name is answered with names them all.
func TestMetrics(t *testing.T) {
	_, err := objective.MetricNamed("nonsense")
	if err == nil {
		t.Fatal("no error")
	}
	for _, m := range objective.Metrics() {
		if got, err := objective.MetricNamed(m.Name); err != nil || got.Name != m.Name || got.Unit != m.Unit {
			t.Errorf("%s: got %+v, %v", m.Name, got, err)
		}
		last := m.Name[strings.LastIndex(m.Name, ".")+1:]
		if !strings.Contains(err.Error(), last) {
			t.Errorf("%q does not name %s", err, last)
		}
	}
	for _, name := range []string{"p98", "wait.p90", "wait.max", "ideal.p999", "response.", "", "p99.99"} {
		if m, err := objective.MetricNamed(name); err == nil {
			t.Errorf("%q: got %+v", name, m)
		}
	}
}

func clip(s string) string { return s[:min(len(s), 80)] }

func FuzzParse(f *testing.F) {
	for _, text := range []string{"p99<30ms", "errors<=0.1%", "p99>1.1x", "wait.p99.9>=1us", "≤", "p99<0x1p-2x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := objective.Parse(text)
		if err != nil {
			return
		}
		again, err := objective.Parse(c.String())
		if err != nil || again.Limit(1) != c.Limit(1) || again.Metric.Name != c.Metric.Name {
			t.Errorf("%q is %+v, and again %+v, %v", text, c, again, err)
		}
		if limit := c.Limit(1); !(limit >= 0) {
			t.Errorf("%q: limit %v", text, limit)
		}
	})
}

// A reading is as bad as its worst condition, and unusable if the generator lagged.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		conditions string
		want       objective.Reading
	}{
		{"p99<40ms", objective.Clear},
		{"p99<37ms", objective.Holds},
		{"p99<40ms mean<21ms", objective.Holds},
		{"mean<21ms p99<20ms p50<1s", objective.Broken},
		{"tasks_per_s>4000", objective.Clear},
		{"tasks_per_s>4500", objective.Holds},
		{"failed_tasks<=7 errors<=0.005", objective.Holds},
	} {
		var conditions []objective.Condition
		for text := range strings.FieldsSeq(c.conditions) {
			condition, err := objective.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			conditions = append(conditions, condition)
		}
		r := run(t)
		got, checks, err := objective.Read(conditions, r)
		if err != nil || got != c.want || len(checks) != len(conditions) {
			t.Errorf("%s: got %v with %+v, %v; want %v", c.conditions, got, checks, err, c.want)
		}
		r.Valid = false
		if got, _, err := objective.Read(conditions, r); err != nil || got != objective.Unusable {
			t.Errorf("%s of an invalid run: got %v, %v", c.conditions, got, err)
		}
	}
}
