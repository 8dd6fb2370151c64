//go:build !linux

package app

import "os/exec"

// processGroup stands for the command's process alone outside Linux, which is
// killed when the context ends; processes that it started are not.
type processGroup struct{}

func newProcessGroup(*exec.Cmd) *processGroup { return &processGroup{} }
func (*processGroup) awaitLeader()            {}
