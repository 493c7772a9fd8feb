package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// Feature is a part of hfwatch that a program may have or not. Keys of a
// feature that it has not are checked all the same, and then refused.
type Feature string

// The features.
const (
	// FeatureLoad is windows and mixes.
	FeatureLoad Feature = "load windows"
	// FeatureColdStart is experiments, the management API, and the wake policies that
	// rest on it.
	FeatureColdStart Feature = "cold starts"
	// FeatureAlertmanager is delivery to an Alertmanager cluster.
	FeatureAlertmanager Feature = "delivery to an Alertmanager"
	// FeatureReceivers is Slack, PagerDuty, e-mail and Microsoft Teams.
	FeatureReceivers Feature = "receivers other than webhooks"
	// FeatureObjectives is goodput and burn rates.
	FeatureObjectives Feature = "objectives"
	// FeatureProviders is pass-through to providers and their comparison.
	FeatureProviders Feature = "passing other tasks than chat through to providers, and comparing them"
)

// AllFeatures returns every feature.
func AllFeatures() []Feature {
	return []Feature{
		FeatureLoad, FeatureColdStart, FeatureAlertmanager, FeatureReceivers,
		FeatureObjectives, FeatureProviders,
	}
}

// Override is a setting that a command line flag gave.
type Override struct {
	// Flag is the flag as written, --storage.path; Path the key that it sets,
	// data.dir.
	Flag, Path, Value string
}

// Options are what a configuration is loaded from.
type Options struct {
	// File is the path of the YAML file.
	File string
	// Read returns the bytes of a file, or an error if it holds more than limit;
	// nil reads the disk. Relative names are relative to the working directory.
	Read func(name string, limit int64) ([]byte, error)
	// Glob returns the files that match a pattern; nil looks on the disk.
	Glob func(pattern string) ([]string, error)
	// Environ is the environment as NAME=value. ${NAME} in the file reads it,
	// and HFWATCH_… sets keys: the rest of the name is the key in capitals, with
	// two underscores for each dot, as HFWATCH_HUB__TOKEN_FILE for
	// hub.token_file. Set but empty is unset. Lists cannot be set so.
	Environ []string
	// Flags win over the environment, which wins over the file.
	Flags []Override
	// Task returns the task of a name; nil knows those of package probe/task.
	Task func(name string) (probe.Task, bool)
	// Available are the features that the program has.
	Available []Feature
	// Now is the time from which schedules are looked at; zero is the present.
	Now time.Time
}

// complete returns the options with what is nil filled in.
func (o Options) complete() Options {
	if o.Read == nil {
		o.Read = readFile
	}
	if o.Glob == nil {
		o.Glob = filepath.Glob
	}
	if o.Task == nil {
		o.Task = task.ByName
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	return o
}

// lookup returns an environment variable.
func (o Options) lookup(name string) (string, bool) {
	for _, pair := range o.Environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// readFile reads a regular file of at most limit bytes. It looks before it opens:
// opening a named pipe waits for a writer, and a terminal or a device may never
// end.
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := regular(info.Mode()); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, tooLargeError(limit)
	}
	return data, nil
}

// regular returns an error that says what a file is which is not a regular one.
func regular(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("is a directory")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("is a pipe, not a regular file")
	case mode&fs.ModeSocket != 0:
		return errors.New("is a socket, not a regular file")
	case mode&fs.ModeDevice != 0:
		return errors.New("is a device, not a regular file")
	default:
		return errors.New("is not a regular file")
	}
}

// tooLargeError is the error of a file that is over its bound, in bytes.
type tooLargeError int64

// Error names the bound.
func (t tooLargeError) Error() string { return "is larger than " + size(t).String() }

// unreadable returns what a failed read means to a person, without the path
// that the problem names already.
func unreadable(err error) string {
	var large tooLargeError
	switch {
	case errors.As(err, &large):
		return "the file " + large.Error()
	case errors.Is(err, os.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, os.ErrPermission):
		return "the file may not be read by this user"
	default:
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return "the file cannot be read: " + err.Error()
	}
}
