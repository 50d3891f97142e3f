package main

import (
	"fmt"
	"runtime/debug"
)

// versionCommand prints what was built from what.
type versionCommand struct{}

// Run prints it.
func (versionCommand) Run(e *env) error {
	version, commit, goVersion := "unknown", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(e.out, "postern %s%s %s\n", version, commit, goVersion)
	return err
}
