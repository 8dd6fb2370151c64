package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -X main.version=…
var version = ""

type versionCmd struct {
	formatFlag `embed:""`
}

type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Run prints the version.
func (c *versionCmd) Run(p *process) error {
	v := versionInfo{Version: buildVersion(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if c.Format == "json" {
		return writeJSON(p.stdout, v)
	}
	_, err := fmt.Fprintf(p.stdout, "dunnock %s %s %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
	return err
}

// buildVersion is what the linker was told, or what the toolchain has stamped.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
