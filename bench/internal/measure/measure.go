// Package measure reads what the comparisons need of the machine: processor
// time and memory of processes, how busy the machine is beside them, medians
// and quantiles. It starts child processes on a core of their own where the
// machine has taskset.
//
// It reads Linux's /proc; elsewhere its readers return errors. Its functions
// hold no state.
package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc's processor times; USER_HZ is 100 on every Linux
// that Go runs on (proc(5)).
const tick = 10 * time.Millisecond

// Self returns the processor time, user and system, that this process has
// used: getrusage(2).
func Self() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// Process is what /proc says of one process at one moment.
type Process struct {
	// Resident and Anonymous are bytes: VmRSS and RssAnon.
	Resident, Anonymous int64
	// CPU is user and system time, in steps of 10 ms.
	CPU time.Duration
}

// Of reads a process.
func Of(pid int) (Process, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Process{}, err
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Process{}, err
	}
	return parse(string(status), string(stat))
}

// parse reads the two files of a process.
func parse(status, stat string) (p Process, err error) {
	for line := range strings.Lines(status) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "VmRSS:" && f[0] != "RssAnon:" {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return p, fmt.Errorf("status: %s %w", f[0], err)
		}
		if f[0] == "VmRSS:" {
			p.Resident = kib << 10
		} else {
			p.Anonymous = kib << 10
		}
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th
	// and 13th field behind it.
	_, behind, ok := strings.Cut(stat[max(0, strings.LastIndex(stat, ")")):], ") ")
	f := strings.Fields(behind)
	if !ok || len(f) < 13 {
		return p, errors.New("stat: too short")
	}
	for _, text := range f[11:13] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return p, fmt.Errorf("stat: %w", err)
		}
		p.CPU += time.Duration(n) * tick
	}
	return p, nil
}

// Busy returns the processor time that the whole machine has been busy for,
// over all cores, and the time that its host took away from it.
func Busy() (busy, stolen time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(first)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, 0, errors.New("/proc/stat: no line of all processors")
	}
	for i, field := range f[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		switch d := time.Duration(n) * tick; i {
		case 3, 4: // Idle and waiting for a disk.
		case 7:
			stolen = d
		default:
			busy += d
		}
	}
	return busy, stolen, nil
}

// Command returns a command that runs on one core where there is taskset and
// the core is not negative.
func Command(ctx context.Context, core int, name string, args ...string) *exec.Cmd {
	if taskset, err := exec.LookPath("taskset"); err == nil && core >= 0 {
		args = append([]string{"-c", strconv.Itoa(core), name}, args...)
		name = taskset
	}
	return exec.CommandContext(ctx, name, args...)
}

// Quantile returns the smallest value that a share q of all values does not
// exceed (nearest rank), NaN where there are none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median returns the middle value, or the mean of the two in the middle, NaN
// where there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
