package daemon

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// cut probes one endless target three times, beside another that is well, and
// checks that each answer was cut at its bound and nothing else was touched.
// most bounds what the server got rid of for each answer and what was allocated
// for it, both sides and garbage together.
func cut(t *testing.T, stream bool, header map[string]string, says string, mostSent, mostAllocated int64, write func(io.Writer) error) {
	t.Helper()
	in(t, func(t *testing.T, r *rig) {
		var sent, ended atomic.Int64
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		r.net.Serve(t, "endless.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range header {
				w.Header().Set(name, value)
			}
			counting := &counter{w: w, n: &sent}
			for write(counting) == nil {
			}
			ended.Add(1)
		}))
		var more []string
		if stream {
			more = []string{"stream: true"}
		}
		begun := time.Now().Truncate(10 * time.Second)
		r.start("alerting: off\nmodels:\n" + model("endless", "http://endless.test/", "@every 10s", more...) + model("well", "http://m.test/well", "@every 10s"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		time.Sleep(35 * time.Second)
		synctest.Wait()
		runtime.ReadMemStats(&after)
		res := r.last("endless")
		if res.Outcome != probe.InvalidOutput || !strings.Contains(res.Error, says) {
			t.Errorf("outcome %s (%s), want invalid_output that says %q", res.Outcome, res.Error, says)
		}
		r.want(3, "hfwatch_probes_total", "target", "endless", "outcome", "invalid_output", "fault", "target")
		sameTimes(t, "the other target", seen.of("/well"), every(begun.Add(10*time.Second), 10*time.Second, 3))
		if ended.Load() != 3 {
			t.Errorf("%d of 3 answers were cut off", ended.Load())
		}
		if got := sent.Load() / 3; got > mostSent {
			t.Errorf("the server got rid of %d KiB for each answer, want at most %d", got>>10, mostSent>>10)
		}
		if got := int64(after.TotalAlloc-before.TotalAlloc) / 3; got > mostAllocated {
			t.Errorf("%d MiB were allocated for each answer, want at most %d", got>>20, mostAllocated>>20)
		}
	})
}

// counter counts what was written.
type counter struct {
	w io.Writer
	n *atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// The sizes of the bounds as they stand in package hf: a body of 16 MiB, a line
// of 1 MiB; and what lies in buffers on the way.
const (
	maxBody  = 16 << 20
	maxLine  = 1 << 20
	underway = 1 << 20
)

func TestBodyWithoutEndIsCut(t *testing.T) {
	piece := bytes.Repeat([]byte("x"), 64<<10)
	cut(t, false, nil, "larger than its bound", maxBody+underway, 8*maxBody, func(w io.Writer) error {
		_, err := w.Write(piece)
		return err
	})
}

func TestHundredMegabyteLineIsCut(t *testing.T) {
	piece := bytes.Repeat([]byte("x"), 64<<10)
	var written int64
	cut(t, true, map[string]string{"Content-Type": "text/event-stream"}, "longer than its bound", maxLine+underway, 32*maxLine, func(w io.Writer) error {
		if written == 0 {
			_, _ = io.WriteString(w, "data: ")
		}
		n, err := w.Write(piece)
		if written += int64(n); err == nil && written > 100<<20 {
			err = io.EOF
		}
		if err != nil {
			written = 0
		}
		return err
	})
}

func TestGzipBombIsCut(t *testing.T) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, 8<<20))
	_ = z.Close()
	// Members one behind the other are one file: 8 MiB for each 8 KiB.
	left := 0
	cut(t, false, map[string]string{"Content-Encoding": "gzip"}, "larger than its bound", 4*underway, 8*maxBody, func(w io.Writer) error {
		if left == 0 {
			left = 128
		}
		if left--; left == 0 {
			return io.EOF
		}
		_, err := w.Write(member.Bytes())
		if err != nil {
			left = 0
		}
		return err
	})
}

// TestStreamThatStallsBetweenKeepAlivesIsStalled: comments are no progress, so
// that the stall is seen when its time has passed and not at the deadline.
func TestStreamThatStallsBetweenKeepAlivesIsStalled(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var closed atomic.Int64
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			rc := http.NewResponseController(w)
			say := func(text string) error {
				_, _ = io.WriteString(w, text)
				return rc.Flush()
			}
			time.Sleep(2 * time.Second)
			_ = say(`data: {"choices":[{"index":0,"delta":{"content":"one"}}]}` + "\n\n")
			for req.Context().Err() == nil {
				time.Sleep(time.Second)
				_ = say(": keep-alive\n\n")
			}
			closed.Add(1)
		}))
		text := strings.Replace(model("a", "http://m.test/", "@every 2m", "stream: true", "stall: 20s"), "timeout: 5s", "timeout: 100s", 1)
		r.start("alerting: off\nmodels:\n" + text)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		res := r.last("a")
		if res.Outcome != probe.Stalled || res.Fault != probe.FaultTarget || res.Counts != probe.Bad {
			t.Errorf("outcome %s, fault %s, counts %s (%s); want stalled, target, bad", res.Outcome, res.Fault, res.Counts, res.Error)
		}
		if want := probe.Measured(22 * time.Second); res.Service != want {
			t.Errorf("service time %s, want %s: two to the first token and twenty without another", res.Service, want)
		}
		if want := probe.Measured(100 * time.Second); res.Response != want || !res.Censored {
			t.Errorf("response time %s, censored %t; want the deadline of %s", res.Response, res.Censored, want)
		}
		if want := probe.Measured(2 * time.Second); res.FirstToken != want {
			t.Errorf("first token after %s, want %s", res.FirstToken, want)
		}
		r.want(1, "hfwatch_probes_total", "target", "a", "outcome", "stalled")
		if closed.Load() != 1 {
			t.Errorf("%d connections were closed on the server, want 1", closed.Load())
		}
	})
}
