package exporter

import (
	"runtime"
	"runtime/debug"
)

// unknown stands where the build does not say.
const unknown = "unknown"

// build is what the build info series says.
type build struct{ version, revision, goVersion, goOS, goArch string }

// buildOf returns what is known of the build: the version given, or else the
// one that Go has built in, which is (devel) in a checkout without its history.
// info is nil where Go has built in nothing.
func buildOf(version string, info *debug.BuildInfo) build {
	b := build{version: version, revision: unknown, goVersion: runtime.Version(), goOS: runtime.GOOS, goArch: runtime.GOARCH}
	if info != nil {
		if b.version == "" {
			b.version = info.Main.Version
		}
		modified := false
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.revision = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
		if modified && b.revision != unknown {
			b.revision += "-modified"
		}
	}
	if b.version == "" {
		b.version = unknown
	}
	b.version = clean(b.version)
	return b
}
