package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"github.com/hfwatch/hfwatch/sim"
)

// TestMain lets a script run hfwatch as the program that it is.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hfwatch": main})
}

// TestScripts runs every script of testdata/script: what a person types, what
// is printed where, and the exit code.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simulator": startSimulator, "exits": exits, "count": count, "result": result,
		},
		Setup: func(env *testscript.Env) error {
			root, err := filepath.Abs("../..")
			env.Setenv("ROOT", root)
			return err
		},
		RequireUniqueNames: true,
	})
}

// startSimulator FILE serves a scenario until the script ends, and sets SIM to
// its address.
func startSimulator(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: simulator FILE")
	}
	s, err := scenario(ts.MkAbs(args[0]))
	ts.Check(err)
	server, err := sim.New(s, sim.Options{})
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	ts.Check(err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	ts.Setenv("SIM", "http://"+l.Addr().String())
	ts.Defer(func() {
		cancel()
		if err := <-ended; err != nil {
			ts.Logf("the simulator ended: %v", err)
		}
	})
}

// exits CODE COMMAND... runs a command and wants an exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE[|CODE] COMMAND [ARG...]")
	}
	got := 0
	var ended *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	default:
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(got)) {
		ts.Fatalf("%s ended with exit code %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// count N FILE wants a file, or stdout or stderr, to have so many lines.
func count(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: count N FILE")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); got != want {
		ts.Fatalf("%s has %d lines, want %d", args[1], got, want)
	}
}

// result FILE TARGET KEY=VALUE... wants the result of a target, one line of
// JSON, to have these values, and KEY= to be absent; KEY> wants a number above
// zero.
func result(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: result FILE TARGET KEY=VALUE...")
	}
	for lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0]))); lines.Scan(); {
		var got map[string]any
		ts.Check(json.Unmarshal(lines.Bytes(), &got))
		if got["target"] != args[1] {
			continue
		}
		for _, wanted := range args[2:] {
			i := strings.IndexAny(wanted, "=>")
			if i < 0 {
				ts.Fatalf("%s is neither KEY=VALUE nor KEY>", wanted)
			}
			value, has := got[wanted[:i]]
			number, isNumber := value.(float64)
			switch {
			case wanted[i] == '>' && (!isNumber || number <= 0):
				ts.Fatalf("%s: %s is %v, want a number above zero", args[1], wanted[:i], value)
			case wanted[i] == '=' && wanted[i+1:] == "" && has:
				ts.Fatalf("%s: %s is %v, want it absent", args[1], wanted[:i], value)
			case wanted[i] == '=' && wanted[i+1:] != "" && fmt.Sprint(value) != wanted[i+1:]:
				ts.Fatalf("%s: %s is %v, want %s", args[1], wanted[:i], value, wanted[i+1:])
			}
		}
		return
	}
	ts.Fatalf("%s has no result of %s", args[0], args[1])
}

// TestEveryFlagIsTried by a script or a test: a flag that none of them gives is
// one of which nobody knows whether it works.
func TestEveryFlagIsTried(t *testing.T) {
	t.Parallel()
	var tried strings.Builder
	for _, pattern := range []string{"testdata/script/*.txtar", "*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("Glob(%s) = %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tried.Write(text)
		}
	}
	for _, c := range (&process{}).root().Commands() {
		if !strings.Contains(tried.String(), "hfwatch "+c.Name()) {
			t.Errorf("no script runs hfwatch %s", c.Name())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !regexp.MustCompile(`--` + regexp.QuoteMeta(f.Name) + `[^a-z.-]`).MatchString(tried.String()) {
				t.Errorf("nothing gives hfwatch %s the flag --%s", c.Name(), f.Name)
			}
		})
	}
}
