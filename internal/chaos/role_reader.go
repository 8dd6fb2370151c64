package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// readerTasks is how many tasks of appBulk the reader asks for: 512 MiB of results, far more than a scheduler may keep.
const readerTasks = 8192

// runReader is a client that asks for more than any buffer holds, reads the first line of the answer, and then nothing
// more. It stays connected until it is killed.
func runReader(ctx context.Context, args []string) error {
	var name, addr string
	f := flag.NewFlagSet("reader", flag.ContinueOnError)
	f.StringVar(&name, "name", "", "")
	f.StringVar(&addr, "scheduler", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	tasks := strings.TrimSuffix(strings.Repeat(`{"text":"x"},`, readerTasks), ",")
	body := `{"app":` + strconv.Quote(appBulk) + `,"deadline":"1m","tasks":[` + tasks + `]}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/jobs?wait=true", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := r.Write(c); err != nil {
		return err
	}
	first := make([]byte, 512)
	n, err := c.Read(first)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(first[:n], []byte("HTTP/1.1 200")) {
		return fmt.Errorf("the scheduler answered %q", first[:n])
	}
	fmt.Printf("reader %s ready\n", name)
	<-ctx.Done()
	return nil
}
