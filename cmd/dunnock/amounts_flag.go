package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// amountsFlag is amounts by name: NAME=N, given several times or with semicolons between, or a table of a file.
type amountsFlag map[string]uint32

// Decode takes a value from the command line, the environment or a TOML file. Its errors say which number is wanted.
func (f *amountsFlag) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("NAME=N")
	if err != nil {
		return err
	}
	if *f == nil {
		*f = make(amountsFlag)
	}
	switch v := token.Value.(type) {
	case string:
		for part := range strings.SplitSeq(v, ";") {
			name, number, found := strings.Cut(part, "=")
			if !found || name == "" {
				return fmt.Errorf("want NAME=N, such as gpu=2, got %.80q", part)
			}
			if err := f.set(name, number); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for name, number := range v {
			if err := f.set(name, fmt.Sprint(number)); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("want NAME=N, such as gpu=2, got %s", describeTOML(token.Value))
}

func (f *amountsFlag) set(name, number string) error {
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return fmt.Errorf("%s: want a whole number from 0 to %d, got %.80q", printable(name), uint32(math.MaxUint32), number)
	}
	(*f)[name] = uint32(n)
	return nil
}
