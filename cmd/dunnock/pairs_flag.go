package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// A flag of pairs is KEY=VALUE, given several times or with semicolons between, or a table of a file; each key once.
// Kong's own maps would take the last of two without a word, and say less of what is wanted.
type (
	labelsFlag  map[string]string
	amountsFlag map[string]uint32
	weightsFlag map[string]int
)

// Decode takes a value from the command line, the environment or a TOML file.
func (f *labelsFlag) Decode(ctx *kong.DecodeContext) error {
	return decodePairs(ctx, (*map[string]string)(f), "KEY=VALUE, such as ssd=yes", func(value string) (string, error) { return value, nil })
}

// Decode takes a value from the command line, the environment or a TOML file.
func (f *amountsFlag) Decode(ctx *kong.DecodeContext) error {
	return decodePairs(ctx, (*map[string]uint32)(f), "NAME=N, such as gpu=2", func(value string) (uint32, error) {
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			err = fmt.Errorf("want a whole number from 0 to %d, got %.80q", uint32(math.MaxUint32), value)
		}
		return uint32(n), err
	})
}

// Decode takes a value from the command line, the environment or a TOML file.
func (f *weightsFlag) Decode(ctx *kong.DecodeContext) error {
	return decodePairs(ctx, (*map[string]int)(f), "PATH=N, such as org/team=3", func(value string) (int, error) {
		n, err := strconv.Atoi(value)
		if err != nil {
			err = fmt.Errorf("want a whole number, got %.80q", value)
		}
		return n, err
	})
}

// decodePairs adds pairs to those that a flag has. want is what one looks like.
func decodePairs[V any](ctx *kong.DecodeContext, to *map[string]V, want string, parse func(string) (V, error)) error {
	token, err := ctx.Scan.PopValue(want)
	if err != nil {
		return err
	}
	if *to == nil {
		*to = make(map[string]V)
	}
	set := func(key, text string) error {
		if _, twice := (*to)[key]; twice {
			return fmt.Errorf("%s is there twice", printable(key))
		}
		value, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", printable(key), err)
		}
		(*to)[key] = value
		return nil
	}
	switch v := token.Value.(type) {
	case string:
		for _, part := range kong.SplitEscaped(v, ';') {
			key, value, found := strings.Cut(part, "=")
			if !found || key == "" {
				return fmt.Errorf("want %s, got %.80q", want, part)
			}
			if err := set(key, value); err != nil {
				return err
			}
		}
		return nil
	case map[string]any: // of a file, whose types have been looked at
		for _, key := range sortedKeys(v) {
			if err := set(key, fmt.Sprint(v[key])); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("want %s, got %s", want, describeTOML(token.Value))
}
