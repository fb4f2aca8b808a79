package telemetry

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// version is set by the linker for released and locally built binaries.
var version string

// Build says what a binary was made from.
type Build struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"goVersion"`
}

// ReadBuild returns the build of the running binary. What is not known is "unknown".
func ReadBuild() Build {
	b := Build{Version: version, Revision: "unknown", GoVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Revision = s.Value
			}
		}
		if b.Version == "" {
			b.Version = info.Main.Version
		}
	}
	if b.Version == "" {
		b.Version = "unknown"
	}
	return b
}

// PrintBuild is the command `version` of every binary.
func PrintBuild(_ context.Context, args []string, stdio lifecycle.Stdio) error {
	flags := flag.NewFlagSet("version", flag.ContinueOnError)
	flags.SetOutput(stdio.Err)
	if err := lifecycle.ParseFlags(flags, args); err != nil {
		return err
	}
	b := ReadBuild()
	_, err := fmt.Fprintf(stdio.Out, "miroir %s (revision %s, %s)\n", b.Version, b.Revision, b.GoVersion)
	return err
}
