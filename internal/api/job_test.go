package api_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dunnock/internal/api"
	"dunnock/task"
)

func TestDecodeJob(t *testing.T) {
	j, err := api.DecodeJob([]byte(`{"id":"000102030405060708090a0b0c0d0e0f","app":"grep","user":"org/team/ann","priority":3,"probe_ratio":1.5,
		"deadline":"2s","task_timeout":"1s","max_attempts":5,"delivery":"at-most-once","on_failure":"cancel","on_disconnect":"drain","require":{"zone":"a"},
		"prefer":{"ssd":"true"},"epoch":1,"finished":"AQ==","attempts":[{"task":1,"failed":2}],"tasks":[{"payload":"aGk="},{"text":"plain","affinity":"lineitem/7"}]}`), 100)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case j.ID.String() != "000102030405060708090a0b0c0d0e0f", j.App != "grep", j.User != "org/team/ann", j.Priority != 3, j.ProbeRatio != 1.5,
		j.Deadline != 2*time.Second, j.TaskTimeout != time.Second, j.MaxAttempts != 5, j.Delivery != task.AtMostOnce, j.OnFailure != task.CancelRest, j.OnDisconnect != task.DrainJob,
		len(j.Attempts) != 1 || j.Attempts[0] != (task.Attempts{Task: 1, Failed: 2}),
		j.Require["zone"] != "a", j.Prefer["ssd"] != "true", j.Epoch != 1, len(j.Finished) != 1, len(j.Tasks) != 2,
		string(j.Tasks[0].Payload) != "hi", string(j.Tasks[1].Payload) != "plain", j.Tasks[1].Affinity != "lineitem/7":
		t.Fatalf("got %+v", j)
	}
	j, err = api.DecodeJob([]byte(`{"app":"scan","affinity":"lineitem","tasks":[{},{"affinity":"orders"},{"affinity":""}]}`), 100)
	if err != nil || j.Tasks[0].Affinity != "lineitem" || j.Tasks[1].Affinity != "orders" || j.Tasks[2].Affinity != "lineitem" {
		t.Fatalf("affinity of all tasks: %+v, %v", j, err)
	}
	j, err = api.DecodeJob([]byte(`{"app":"echo","tasks":[{}]}`), 100)
	if err != nil || j.ProbeRatio != 2 || j.Deadline != 5*time.Minute || j.MaxAttempts != 3 || j.Delivery != task.AtLeastOnce || j.OnFailure != task.Continue || j.OnDisconnect != task.CancelJob {
		t.Fatalf("defaults: %+v, %v", j, err)
	}
}

// Every fault is one line that names the field, or the place where there is no field.
func TestDecodeJobFaults(t *testing.T) {
	for body, want := range map[string]string{
		``:                        "ends at byte 0",
		`{"app":"x","tasks":[{}`:  "ends at byte",
		`{"app":"x",}`:            "at byte 12",
		`[]`:                      "the body: want an object",
		`{"app":7}`:               "app: want a string, got number",
		`{"app":"x","tasks":"y"}`: "tasks: want a list",
		`{"app":"x","tasks":[{},{"payload":"***"}]}`:                   "tasks[1].payload: want base64",
		`{"app":"x","tasks":[{},{"payload":7}]}`:                       "tasks[1].payload: want a string, got number",
		`{"app":"x","tasks":[{},{"require":{"a":1}}]}`:                 "tasks[1].require: want a string, got number",
		`{"app":"x","exclude":"w1","tasks":[{}]}`:                      "exclude: want a list, got string",
		`{"app":"x","tasks":[{"exclude":[1]}]}`:                        "tasks[0].exclude: want a string, got number",
		`{"app":"x","tasks":[{"spread":"zone"}]}`:                      `tasks[0]: unknown field "spread"`,
		`{"app":"x","tasks":[{},[]]}`:                                  "tasks[1]: want an object, got array",
		`{"app":"x","tasks":[{},{"nonsense":1}]}`:                      `tasks[1]: unknown field "nonsense"`,
		`{"app":"x","tasks":{}}`:                                       "tasks: want a list",
		`{"app":"x","finished":"*","tasks":[{}]}`:                      "finished: want base64",
		`{"app":"x","epoch":-1}`:                                       "epoch: want a whole number from 0 to 4294967295, got number -1",
		`{"app":"x","resources":{"gpu":4294967296}}`:                   "resources: want a whole number from 0 to 4294967295, got number 4294967296",
		`{"app":"x","deadline":5}`:                                     "deadline: want a string, got number",
		`{"app":"x","deadline":"-1s"}`:                                 "deadline: want more than 0, got -1s",
		`{"app":"x","tasks":[{"text":"` + "\xff" + `"}]}`:              "not UTF-8",
		`{"app":"x","nonsense":1}`:                                     `unknown field "nonsense"`,
		`{"App":"x","tasks":[{}]}`:                                     `unknown field "App"; want "app"`,
		`{"app":"x","tasks":[{},{"TEXT":"a"}]}`:                        `tasks[1]: unknown field "TEXT"; want "text"`,
		`{"app":"x","attempts":[{"Task":1}],"tasks":[{}]}`:             `attempts[0]: unknown field "Task"; want "task"`,
		`{"app":"x","app":"y","tasks":[{}]}`:                           `invalid_job: app: given twice`,
		`{"app":"x","\u0061pp":"x","tasks":[{}]}`:                      `invalid_job: app: given twice`,
		`{"app":"x\"","tasks":[],"tasks":[{}]}`:                        `invalid_job: tasks: given twice`,
		`{"app":"x","require":{"a":"1","b":"2","a":"1"},"tasks":[{}]}`: `invalid_job: require.a: given twice`,
		`{"app":"x","tasks":[{"text":"{\"text\":1}"}, {"resources" : {"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"i":9}}]}`: `invalid_job: tasks[1].resources.i: given twice`,
		`{"app":"x","tasks":[{}]} {}`:                         "something follows",
		`{"app":"x","deadline":"soon"}`:                       "deadline: want a duration",
		`{"app":"x","deadline":"0s"}`:                         "deadline: want more than 0",
		`{"app":"x","probe_ratio":0}`:                         "probe_ratio: want 1 to 16",
		`{"app":"x","max_attempts":0}`:                        "max_attempts: want 1 to 100",
		`{"app":"x","task_timeout":"0s"}`:                     "task_timeout",
		`{"app":"x","delivery":"maybe"}`:                      "delivery: want at-least-once",
		`{"app":"x","on_disconnect":"maybe"}`:                 "on_disconnect: want cancel or drain",
		`{"app":"x","attempts":{}}`:                           "attempts: want a list",
		`{"app":"x","attempts":[{"task":"1"}]}`:               "attempts.task: want a whole number, got string",
		`{"app":"x","attempts":[{"tasks":1}]}`:                `unknown field "tasks"`,
		`{"app":"x","on_failure":"maybe"}`:                    "on_failure: want continue",
		`{"app":"x","id":"zz"}`:                               "id: want 32",
		`{"app":"x","tasks":[{"text":"a","payload":"aGk="}]}`: "tasks[0]: give payload or text",
	} {
		_, err := api.DecodeJob([]byte(body), 3)
		if !errors.Is(err, task.CodeInvalidJob) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

// What one may write with encoding/json, one may write here: any order, blanks and escapes.
func TestDecodeJobTakesAnyForm(t *testing.T) {
	j, err := api.DecodeJob([]byte(" {\t\"tasks\" : [ { \"text\" : \"a\\\\\" } , {\r\n} ] ,\n \"\\u0061pp\":\"echo\", \"require\":{\"App\":\"1\",\"app\":\"2\"}, \"slots\": 2 , \"prefer\":null, \"exclude\":[\"a\",\"a\"], \"attempts\":[] } "), 3)
	if err != nil {
		t.Fatal(err)
	}
	if j.App != "echo" || len(j.Tasks) != 2 || string(j.Tasks[0].Payload) != `a\` || len(j.Require) != 2 || j.Slots != 2 {
		t.Errorf("%+v", j)
	}
}

func BenchmarkDecodeJob(b *testing.B) {
	for name, body := range map[string]string{
		"1 task":         `{"app":"echo","tasks":[{"text":"hedge"}]}`,
		"100 tasks":      `{"app":"echo","user":"org/ann","deadline":"2s","tasks":[` + strings.Repeat(`{"payload":"aGVkZ2U="},`, 99) + `{"payload":"aGVkZ2U="}]}`,
		"1 MiB payload":  `{"app":"echo","tasks":[{"payload":"` + strings.Repeat("aGVk", 1<<18) + `"}]}`,
		"with its wants": `{"app":"echo","require":{"zone":"a","gpu":"yes"},"resources":{"cpu":1},"tasks":[{"text":"a","prefer":{"ssd":"yes"}},{"text":"b"}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := api.DecodeJob([]byte(body), 1000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The list of tasks is read no further than the limit.
func TestDecodeJobStopsAtTheLimit(t *testing.T) {
	body := []byte(`{"app":"x","tasks":[` + strings.Repeat("{},", 1_000_000) + `{}]}`)
	var err error
	allocated := testing.AllocsPerRun(1, func() { _, err = api.DecodeJob(body, 1000) })
	if !errors.Is(err, task.CodeTooLarge) || !strings.Contains(err.Error(), "tasks: at most 1000") {
		t.Errorf("got %v", err)
	}
	if allocated > 10_000 {
		t.Errorf("%v allocations for a body that is refused", allocated)
	}
}

func FuzzDecodeJob(f *testing.F) {
	f.Add([]byte(`{"app":"echo","deadline":"2s","probe_ratio":1.5,"tasks":[{"text":"x"},{"payload":"aGk="}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := api.DecodeJob(body, 100)
		if err == nil {
			_ = j.Validate(task.Limits{})
			return
		}
		if _, ok := errors.AsType[*task.Error](err); !ok {
			t.Fatalf("%v is not a *task.Error", err)
		}
	})
}
