//go:build !linux

package main

import (
	"errors"
	"os"
)

// openUnnamed fails: files without a name are Linux's.
func openUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// nameFile is never called.
func nameFile(*os.File, string) error { return errors.ErrUnsupported }
