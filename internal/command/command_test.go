package command_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"dunnock/internal/command"
)

func TestCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{fmt.Errorf("flags: %w", flag.ErrHelp), 0, ""},
		{errors.New("no fleet"), command.Failure, "tool: no fleet\n"},
		{fmt.Errorf("plan: %w", command.Usagef("--rounds: want %d", 3)), command.Usage, "tool: plan: --rounds: want 3 (see --help)\n"},
		{&command.InterruptedError{Kept: "half is kept"}, command.Interrupted, "tool: interrupted: half is kept\n"},
		{fmt.Errorf("again: %w", &command.ExitError{Code: 7}), 7, ""},
	} {
		var says strings.Builder
		if code := command.Code("tool", c.err, &says); code != c.code || says.String() != c.says {
			t.Errorf("%v: got %d and %q, want %d and %q", c.err, code, says.String(), c.code, c.says)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args, says string
		helped     bool
	}{
		{"-n 3", "", false},
		{"-n x", `invalid value "x" for flag -n: parse error`, false},
		{"-n 3 more", `unexpected argument "more"`, false},
		{"-m", "flag provided but not defined: -m", false},
		{"-help", flag.ErrHelp.Error(), true},
	} {
		f, helped := flag.NewFlagSet("tool", flag.ContinueOnError), false
		f.Int("n", 0, "")
		err := command.Parse(f, strings.Fields(c.args), func() { helped = true })
		says := ""
		if err != nil {
			says = err.Error()
		}
		_, usage := errors.AsType[*command.UsageError](err)
		if says != c.says || helped != c.helped || usage == (says == "" || helped) {
			t.Errorf("%s: got %q, helped %v", c.args, says, helped)
		}
	}
}
