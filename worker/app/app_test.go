package app

import (
	"strings"
	"testing"

	"dunnock/worker"
)

func TestEchoReturnsACopy(t *testing.T) {
	apps, closer := Builtin()
	defer closer.Close()
	payload := []byte("hello")
	got, err := apps["echo"](t.Context(), worker.Task{Payload: payload})
	if err != nil || string(got) != "hello" {
		t.Fatalf("echo = %q, %v", got, err)
	}
	payload[0] = 'j' // the worker may use the buffer again once the handler has returned
	if string(got) != "hello" {
		t.Fatal("the result shares the payload's memory")
	}
}

func TestParseAccepts(t *testing.T) {
	for _, tt := range []struct{ spec, name string }{
		{"zip=exec:cat -u", "zip"},
		{"a.b_c-9=exec: sh -c 'exit 0' ", "a.b_c-9"},
		{"x=http://127.0.0.1", "x"},
		{"x=http://localhost:9000/run?a=b=c", "x"},
		{"x=http://[::1]:9000", "x"},
		{"x=https://example.org", "x"},
		{"x=unix:/run/x.sock", "x"},
		{"x=unix:./x.sock:/run?q=:/", "x"},
	} {
		name, h, err := Parse(tt.spec)
		if err != nil || name != tt.name || h == nil {
			t.Errorf("Parse(%q) = %q, %v, %v", tt.spec, name, h != nil, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ spec, says string }{
		{"", "want NAME=SPEC"},
		{"exec:cat", "want NAME=SPEC"},
		{"=exec:cat", "a name is"},
		{"Zip=exec:cat", "a name is"},
		{strings.Repeat("x", 64) + "=exec:cat", "a name is"},
		{"x=", "want http://"},
		{"x=cat", "want http://"},
		{"x=ftp://host/", "want http://"},
		{"x=exec:", "names no command"},
		{"x=exec: '' a", "names no command"},
		{"x=exec:cat 'a", "single quote"},
		{`x=exec:cat "a`, "double quote"},
		{`x=exec:cat a\`, `nothing follows the \`},
		{"x=exec:cat \x00", "NUL"},
		{"x=exec:no-such-command-anywhere -v", "command not found"},
		{"x=exec:/no/such/command", "command not found"},
		{"x=http:", "no host"},
		{"x=http://:80/", "no host"},
		{"x=http://host:0/", "port"},
		{"x=http://host:99999/", "port"},
		{"x=http://host:port/", "not a URL"},
		{"x=http://user:secret@host/", "user and password"},
		{"x=http://host/#top", "fragment"},
		{"x=unix:", "names no socket"},
		{"x=unix::/run", "names no socket"},
		{"x=unix:/a.sock:run", "begins with /"},
		{"x=unix:/" + strings.Repeat("a", 107), "at most 107 bytes"},
	} {
		_, _, err := Parse(tt.spec)
		if err == nil {
			t.Errorf("Parse(%q) did not fail", tt.spec)
			continue
		}
		if s := err.Error(); !strings.Contains(s, tt.says) || strings.Contains(s, "\n") || len(s) > 500 {
			t.Errorf("Parse(%q): %q does not say %q in one line", tt.spec, s, tt.says)
		}
	}
}

func TestTextsAreBounded(t *testing.T) {
	bad := []byte(strings.Repeat("\xff", 3*maxDetailBytes) + "é")
	for _, s := range []string{headText(bad), tailText(bad), headText([]byte(strings.Repeat("é", maxDetailBytes)))} {
		if len(s) > maxDetailBytes || s == "" || strings.ToValidUTF8(s, "") != s {
			t.Errorf("%d bytes, valid %v", len(s), strings.ToValidUTF8(s, "") == s)
		}
	}
	if got := tailText(bad); !strings.HasSuffix(got, "é") {
		t.Errorf("the tail ends in %q", got[len(got)-6:])
	}
	if got := quote(strings.Repeat("é", 100)); len(got) > 90 {
		t.Errorf("quote is %d bytes", len(got))
	}
}
