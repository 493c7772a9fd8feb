package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// comparison runs the readers in turns.
type comparison struct {
	repeats, nice int
	pin, kept     bool
	// others is how many cores others may keep busy in a pair of runs that counts.
	others         float64
	profiles       string
	stdout, stderr io.Writer
}

// figures are what one run of one reader came to.
type figures struct {
	reader string
	// firstError is measured less true time to the first token, receive how long
	// after its stamp the first token was received; both in milliseconds.
	firstErrorP50, firstErrorP99, receiveP50, receiveP99 float64
	// lagP50 and lagP99 are of every token, in microseconds.
	lagP50, lagP99 float64
	// cpu is processor seconds for 1,000 tokens.
	cpu float64
	// others is how many cores everything else on the machine kept busy.
	others float64
}

// run makes pairs of runs, A B A B: every second pair for the cost, where nobody
// reads the stamps, the others for the lag of every token. A pair in which
// others kept the machine busy is printed and does not count; it is made anew
// as long as no more than twice the repeats were needed.
func (b *comparison) run(ctx context.Context, p plan) error {
	if b.repeats < 1 || b.repeats > 20 {
		return fmt.Errorf("-repeats: %d is not 1 to 20", b.repeats)
	}
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, b.nice); err != nil {
		return fmt.Errorf("-nice: %w", err)
	}
	url, server, stop, err := b.server(ctx, p)
	if err != nil {
		return err
	}
	defer stop()
	cost, lag := map[string][]figures{}, map[string][]figures{}
	b.header(p)
	for i := 0; i < 2*b.repeats && (len(cost[readerNaive]) < b.repeats || len(lag[readerNaive]) < b.repeats); i++ {
		for _, stamps := range []bool{false, true} {
			into := cost
			if stamps {
				into = lag
			}
			if len(into[readerNaive]) >= b.repeats {
				continue
			}
			ours, theirs, err := b.pair(ctx, p, url, server, stamps, i)
			if err != nil {
				return err
			}
			if b.others > 0 && max(ours.others, theirs.others) > b.others {
				continue
			}
			into[readerHFWatch] = append(into[readerHFWatch], ours)
			into[readerNaive] = append(into[readerNaive], theirs)
		}
	}
	if len(cost[readerNaive]) == 0 || len(lag[readerNaive]) == 0 {
		return fmt.Errorf("others kept more than %.2f cores busy in every pair of runs", b.others)
	}
	b.summary(cost, lag)
	return nil
}

// pair runs one reader after the other, every second time in reverse.
func (b *comparison) pair(ctx context.Context, p plan, url string, server int, stamps bool, i int) (ours, theirs figures, err error) {
	order := []string{readerHFWatch, readerNaive}
	if i%2 == 1 {
		slices.Reverse(order)
	}
	for _, reader := range order {
		f, err := b.client(ctx, p, url, server, reader, stamps, i)
		if err != nil {
			return ours, theirs, fmt.Errorf("%s: %w", reader, err)
		}
		b.row(i+1, f, stamps)
		if reader == readerHFWatch {
			ours = f
		} else {
			theirs = f
		}
	}
	return ours, theirs, nil
}

// server starts the server's process and returns its address and its number.
func (b *comparison) server(ctx context.Context, p plan) (url string, pid int, stop func(), err error) {
	cmd, err := b.command(ctx, 0, append([]string{"server"}, p.flags()...))
	if err != nil {
		return "", 0, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", 0, nil, fmt.Errorf("the server's address: %w", err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid, stop, nil
}

// command returns this program as a child process.
func (b *comparison) command(ctx context.Context, core int, args []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if !b.pin || runtime.NumCPU() < 2 {
		core = -1
	}
	cmd := measure.Command(ctx, core, self, args...)
	cmd.Stderr = b.stderr
	return cmd, nil
}

// client runs one client process and joins what it saw with the truth.
func (b *comparison) client(ctx context.Context, p plan, url string, server int, reader string, stamps bool, i int) (figures, error) {
	args := append([]string{"client", "-url", url, "-reader", reader, "-stamps=" + strconv.FormatBool(stamps), "-kept=" + strconv.FormatBool(b.kept)}, p.flags()...)
	if b.profiles != "" {
		args = append(args, "-cpuprofile", filepath.Join(b.profiles, fmt.Sprintf("%s-%t-%d.prof", reader, stamps, i)))
	}
	ctx, cancel := context.WithTimeout(ctx, p.spread+p.first+2*time.Duration(p.tokens)*time.Second/time.Duration(p.rate)+time.Minute)
	defer cancel()
	cmd, err := b.command(ctx, 1, args)
	if err != nil {
		return figures{}, err
	}
	began := time.Now()
	busy, served := busyness(server)
	text, err := cmd.Output()
	if err != nil {
		return figures{}, err
	}
	took := time.Since(began)
	busyAfter, servedAfter := busyness(server)
	var found findings
	if err := json.Unmarshal(text, &found); err != nil {
		return figures{}, err
	}
	truths, err := fetchTruth(ctx, url)
	if err != nil {
		return figures{}, err
	}
	f, err := join(found, truths, p)
	f.reader = reader
	own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime() + servedAfter - served
	f.others = max(0, (busyAfter-busy-own).Seconds()/took.Seconds())
	return f, err
}

// busyness returns the processor time of the whole machine and of the server;
// both stay 0 where there is no /proc.
func busyness(server int) (all, own time.Duration) {
	all, _, _ = measure.Busy()
	process, _ := measure.Of(server)
	return all, process.CPU
}

// fetchTruth asks the server what really happened.
func fetchTruth(ctx context.Context, url string) ([]truth, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/truth", nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var truths []truth
	return truths, json.NewDecoder(resp.Body).Decode(&truths)
}

// join compares what a client saw with the truth.
func join(found findings, truths []truth, p plan) (figures, error) {
	if len(found.Streams) != len(truths) {
		return figures{}, fmt.Errorf("%d streams were read and %d served", len(found.Streams), len(truths))
	}
	var errors, receive []float64
	for i, s := range found.Streams {
		t := truths[i]
		if s.First < t.First {
			return figures{}, fmt.Errorf("stream %d was received before it was sent", i)
		}
		errors = append(errors, float64((s.First-s.Sent)-(t.First-t.Arrived))/1e6)
		receive = append(receive, float64(s.First-t.First)/1e6)
	}
	return figures{
		firstErrorP50: measure.Quantile(errors, 0.5), firstErrorP99: measure.Quantile(errors, 0.99),
		receiveP50: measure.Quantile(receive, 0.5), receiveP99: measure.Quantile(receive, 0.99),
		lagP50: found.LagP50, lagP99: found.LagP99,
		cpu: found.CPU * 1000 / float64(p.streams*p.tokens),
	}, nil
}
