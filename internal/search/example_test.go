package search_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"dunnock/internal/search"
	"dunnock/worker"
	"dunnock/worker/app"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range map[string]string{"a": "one\ntwo\n", "b": "three\n", "c": "two\r\ntwo"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	plan, err := search.NewPlan([]string{dir}, "^two$", 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Any worker may run any task, in any order.
	grep := app.NewGrep()
	counts := make([]int64, len(plan.Tasks))
	for i, payload := range plan.Tasks {
		result, err := grep.Handle(context.Background(), worker.Task{Index: i, Payload: payload})
		if err != nil {
			fmt.Println(err)
			return
		}
		if counts[i], err = strconv.ParseInt(string(result), 10, 64); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, found := range plan.Merge(counts) {
		fmt.Println(filepath.Base(found.Path), found.Lines)
	}
	// Output:
	// a 1
	// c 2
}
