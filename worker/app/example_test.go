package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"dunnock/worker"
	"dunnock/worker/app"
)

// A worker's apps: the built-in ones, and a command named on the command line.
func Example() {
	apps, builtin := app.Builtin()
	defer builtin.Close()
	name, handler, err := app.Parse(`upper=exec:tr a-z A-Z`)
	if err != nil {
		fmt.Println(err)
		return
	}
	apps[name] = handler

	result, err := apps["upper"](context.Background(), worker.Task{Payload: []byte("hedge sparrow")})
	fmt.Println(string(result), err)
	// Output: HEDGE SPARROW <nil>
}

// A file is searched in ranges wherever they are cut: here in the middle of "two".
func ExampleGrepPayload() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "numbers")
	if err := os.WriteFile(path, []byte("one\ntwo\nthree\nfour"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	grep := app.NewGrep()
	for _, r := range []struct{ offset, length int64 }{{0, 6}, {6, 12}} {
		p := app.GrepPayload{Path: path, Offset: r.offset, Length: r.length, Pattern: "o"}
		count, err := grep.Handle(context.Background(), worker.Task{Payload: p.Encode()})
		fmt.Println(string(count), err)
	}
	// Output:
	// 2 <nil>
	// 1 <nil>
}

func ExampleParse_wrong() {
	for _, spec := range []string{"zip=gzip -9", "zip=exec:gzip '-9", "Zip=exec:gzip"} {
		_, _, err := app.Parse(spec)
		fmt.Println(err)
	}
	// Output:
	// app "zip=gzip -9": want http://…, https://…, unix:SOCKET:/PATH or exec:COMMAND after the name
	// app "zip=exec:gzip '-9": a single quote is not closed
	// app "Zip=exec:gzip": a name is 1 to 63 characters of a-z 0-9 . _ -
}
