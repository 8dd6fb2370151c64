package sweep

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"dunnock/loadgen/workload"
	"dunnock/worker/queue"
)

// maxValues bounds the values of one parameter.
const maxValues = 10_000

// kind is what the values of a parameter are.
type kind uint8

const (
	word     kind = iota + 1
	path          // of a file
	number        // with a fraction
	whole         // without one
	duration      // as time.ParseDuration reads it
	tasks         // the forms of package workload
	service
	arrival
	warmup
	keys
	estimates
	truth // true or false
	users
	priorities
	discipline
	weights // PATH=N, and more behind semicolons, as of all that follow
	shares  // of labels
	stocks
	needs
)

// value is one value of a parameter.
type value struct {
	text     string // canonical: two texts are equal if and only if the values are
	number   float64
	duration time.Duration
	tasks    workload.Tasks
	service  workload.Service
	arrival  workload.Arrival
	warmup   workload.Warmup
	keys     workload.Keys
	says     workload.Estimates
	truth    bool

	users      workload.Users
	priorities workload.Priorities
	discipline queue.Discipline
	weights    map[string]int
	shares     []workload.Share
	stocks     []workload.Stock
	needs      []workload.Need
}

// numeric reports whether values of a kind have a place on an axis.
func (k kind) numeric() bool { return k == number || k == whole || k == duration }

// x returns the place of a numeric value on an axis: milliseconds if it is a duration.
func (k kind) x(v value) float64 {
	if k == duration {
		return float64(v.duration) / float64(time.Millisecond)
	}
	return v.number
}

// parse reads one value.
func (k kind) parse(text string) (v value, err error) {
	switch k {
	case word, path:
		v.text = text
		if text == "" {
			err = errors.New("want a value, got nothing")
		}
	case number:
		if v.number, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(v.number) || math.IsInf(v.number, 0) {
			err = fmt.Errorf("want a number, got %q", text)
		}
		v.text = strconv.FormatFloat(v.number, 'g', -1, 64)
	case whole:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 53); err != nil {
			err = fmt.Errorf("want a whole number, got %q", text)
		}
		v.number, v.text = float64(n), strconv.FormatInt(n, 10)
	case duration:
		if v.duration, err = time.ParseDuration(text); err != nil {
			err = fmt.Errorf(`want a duration such as "500us" or "2s", got %q`, text)
		}
		v.text = v.duration.String()
	case tasks:
		v.tasks, err = workload.ParseTasks(text)
		v.text = v.tasks.String()
	case service:
		v.service, err = workload.ParseService(text)
		v.text = v.service.String()
	case arrival:
		v.arrival, err = workload.ParseArrival(text)
		v.text = v.arrival.String()
	case warmup:
		v.warmup, err = workload.ParseWarmup(text)
		v.text = v.warmup.String()
	case keys:
		v.keys, err = workload.ParseKeys(text)
		v.text = v.keys.String()
	case estimates:
		v.says, err = workload.ParseEstimates(text)
		v.text = v.says.String()
	case truth:
		if text != "true" && text != "false" {
			err = fmt.Errorf("want true or false, got %q", text)
		}
		v.truth, v.text = text == "true", text
	case users:
		v.users, err = workload.ParseUsers(text)
		v.text = v.users.String()
	case priorities:
		v.priorities, err = workload.ParsePriorities(text)
		v.text = v.priorities.String()
	case discipline:
		v.discipline, err = queue.ParseDiscipline(text)
		v.text = text
	case weights:
		v.weights, err = parseWeights(text)
		v.text = text
	case shares:
		v.shares, v.text, err = parseAll[workload.Share](text)
	case stocks:
		v.stocks, v.text, err = parseAll[workload.Stock](text)
	case needs:
		v.needs, v.text, err = parseAll[workload.Need](text)
	}
	return v, err
}

// parseAll reads what is given several times where it is a flag of `dunnock sim run`: here behind semicolons.
func parseAll[T fmt.Stringer, P interface {
	*T
	encoding.TextUnmarshaler
}](text string) (all []T, canonical string, err error) {
	var words []string
	for part := range strings.SplitSeq(text, ";") {
		var one T
		if err := P(&one).UnmarshalText([]byte(strings.TrimSpace(part))); err != nil {
			return nil, "", err
		}
		all, words = append(all, one), append(words, one.String())
	}
	return all, strings.Join(words, ";"), nil
}

// parseWeights reads PATH=N and more behind semicolons.
func parseWeights(text string) (map[string]int, error) {
	all := make(map[string]int)
	for part := range strings.SplitSeq(text, ";") {
		path, number, found := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(number)
		if _, twice := all[path]; !found || path == "" || err != nil || twice {
			return nil, fmt.Errorf("want PATH=N, each path once and several with semicolons between, got %q", text)
		}
		all[path] = n
	}
	return all, nil
}

// list reads values between commas, and ranges first:last:step of numbers and durations.
func (k kind) list(text string) ([]value, error) {
	var values []value
	for _, part := range k.split(text) {
		expanded := []string{part}
		if k.numeric() && strings.Contains(part, ":") {
			var err error
			if expanded, err = k.expand(part); err != nil {
				return nil, err
			}
		}
		for _, one := range expanded {
			v, err := k.parse(one)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		if len(values) > maxValues {
			return nil, fmt.Errorf("more than %d values", maxValues)
		}
	}
	return values, nil
}

// split cuts a list at its commas. Those of a form such as lognormal:100ms,1.5 are its own: what follows a form and
// does not begin with a letter belongs to it.
func (k kind) split(text string) []string {
	if k == path || k == users || k == priorities || k == needs {
		return []string{text} // it may have commas of its own
	}
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		ofForm := (k == tasks || k == service || k == arrival || k == keys || k == estimates) && len(parts) > 0 && strings.Contains(parts[len(parts)-1], ":") &&
			(part == "" || part[0] < 'a' || part[0] > 'z')
		if ofForm {
			parts[len(parts)-1] += "," + part
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

// expand returns the values of a range first:last:step, the last one included if a step leads there.
func (k kind) expand(text string) ([]string, error) {
	ends := strings.Split(text, ":")
	if len(ends) != 3 {
		return nil, fmt.Errorf("want first:last:step, got %q", text)
	}
	var at [3]float64
	for i, end := range ends {
		v, err := k.parse(end)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", text, err)
		}
		at[i] = v.number
		if k == duration {
			at[i] = float64(v.duration)
		}
	}
	first, last, step := at[0], at[1], at[2]
	if !(step > 0) || last < first {
		return nil, fmt.Errorf("range %q: want first:last:step with a last one that is not below the first and a step above 0", text)
	}
	// Fractions such as 0.05 are not exact, and their sums less so: a step that ends a millionth beyond the last value
	// ends there.
	steps := math.Floor((last-first)/step + 1e-6)
	if steps >= maxValues {
		return nil, fmt.Errorf("range %q: more than %d values", text, maxValues)
	}
	values := make([]string, 0, int(steps)+1)
	for i := range int(steps) + 1 {
		x := first + float64(i)*step
		if k == duration {
			values = append(values, time.Duration(math.Round(x)).String())
			continue
		}
		values = append(values, strconv.FormatFloat(x, 'f', -1, 64))
		if k == number {
			values[i] = shortest(x)
		}
	}
	return values, nil
}

// shortest prints x with twelve digits at most, so that sums of fractions look as one expects.
func shortest(x float64) string { return strconv.FormatFloat(x, 'g', 12, 64) }

// distinct returns an error if a value is there twice.
func distinct(values []value) error {
	seen := make([]string, 0, len(values))
	for _, v := range values {
		seen = append(seen, v.text)
	}
	slices.Sort(seen)
	for i := range len(seen) - 1 {
		if seen[i] == seen[i+1] {
			return fmt.Errorf("%s is there twice", seen[i])
		}
	}
	return nil
}
