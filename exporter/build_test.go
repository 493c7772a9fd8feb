package exporter

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestBuild says what is true of a build, whatever it was built from.
func TestBuild(t *testing.T) {
	info := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123abcd"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	for _, c := range []struct {
		why               string
		given             string
		info              *debug.BuildInfo
		version, revision string
	}{
		{"a release names its version", "v1.2.3", info("(devel)", revision, clean), "v1.2.3", "0123abcd"},
		{"go install of a version", "", info("v1.2.3"), "v1.2.3", "unknown"},
		{
			"go build in a checkout", "", info("v0.0.0-20261124030000-0123abcd0123+dirty", revision, modified),
			"v0.0.0-20261124030000-0123abcd0123+dirty", "0123abcd-modified",
		},
		{"go build without history", "", info("(devel)"), "(devel)", "unknown"},
		{"modified from nothing known", "", info("(devel)", modified), "(devel)", "unknown"},
		{"a build without any information", "", nil, "unknown", "unknown"},
	} {
		want := build{c.version, c.revision, runtime.Version(), runtime.GOOS, runtime.GOARCH}
		if got := buildOf(c.given, c.info); got != want {
			t.Errorf("%s: buildOf(%q, …) = %v, want %v", c.why, c.given, got, want)
		}
	}
}

// TestBuildInfo is published with the version that New was given.
func TestBuildInfo(t *testing.T) {
	names := gather(t, newTest(t)).names("build_info")
	if len(names) != 1 {
		t.Fatalf("build_info = %v, want one", names)
	}
	if v, _ := gather(t, newTest(t)).value(names[0]); v != 1 {
		t.Errorf("%s = %g, want 1", names[0], v)
	}
	empty := gather(t, New(Options{})).names(`build_info{goarch="` + runtime.GOARCH + `"`)
	if len(empty) != 1 || empty[0] == names[0] {
		t.Errorf("without a version given %v is published, want what Go has built in", empty)
	}
}
