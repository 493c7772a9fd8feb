package notify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/probe"
)

// box is a LetterFile of a test, with its counts.
type box struct {
	*LetterFile
	path          string
	written, lost atomic.Int64
}

// newBox returns one whose files are of at most so many bytes.
func newBox(t *testing.T, dir string, most int64) *box {
	t.Helper()
	b := &box{path: filepath.Join(dir, "dead-letters.jsonl")}
	b.LetterFile = OpenLetterFile(LetterFileOptions{
		Path: b.path, MaxBytes: most, Written: func(n int) { b.written.Add(int64(n)) }, Lost: func(n int) { b.lost.Add(int64(n)) },
	})
	return b
}

// end closes the file and returns its letters.
func (b *box) end(t *testing.T) []Letter {
	t.Helper()
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return readLetters(t, b.path)
}

// readLetters returns the letters of a file.
func readLetters(t *testing.T, path string) []Letter {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Letter
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var l Letter
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		out = append(out, l)
	}
	return out
}

// TestDeadLetters: what resolves before its receiver took it moves the count by
// one and stands in the file; what was muted is only counted.
func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, dir, 0)
		r := newRig(t, Options{DeadLetters: b})
		ops := newHook(t)
		ops.script(status(http.StatusNotFound))
		r.net.Serve(t, "ops.example:80", ops)
		r.run(to("ops"))
		bad, quiet := firing("TargetFailing", "a"), firing("TargetFailing", "quiet")
		bad.Annotations["evidence"] = "it said http://ops.example:80/hook and key-of-the-hook"
		b.Hide([]probe.Secret{probe.NewSecret("key-of-the-hook")})
		r.set(bad)
		r.sender.Set(time.Now(), []Routed{{Alert: quiet, Muted: true}})
		time.Sleep(time.Second)
		ended := resolved(bad)
		r.set(ended)
		r.sender.Set(time.Now(), []Routed{{Alert: resolved(quiet), Muted: true}})
		time.Sleep(time.Second)
		synctest.Wait()
		same(t, "drops", r.watch.dropped(), map[string]int{"ops resolved_early": 1, "ops muted": 1})
		if err := r.sender.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		letters := b.end(t)
		if len(letters) != 1 || b.written.Load() != 1 || b.lost.Load() != 0 {
			t.Fatalf("%d letters, %d written, %d lost, want 1, 1, 0", len(letters), b.written.Load(), b.lost.Load())
		}
		got := letters[0]
		if got.Receiver != "ops" || got.Reason != DropResolvedEarly || got.Alert.Status != "resolved" || !got.Alert.EndsAt.Equal(ended.EndsAt) {
			t.Errorf("the letter is %+v", got)
		}
		same(t, "labels", got.Alert.Labels, bad.Labels)
		same(t, "fingerprint", got.Alert.Fingerprint, bad.Fingerprint().String())
		if want := "it said <secret> and <secret>"; string(got.Alert.Annotations["evidence"]) != strings.ReplaceAll(want, "<secret>", probe.Redacted) {
			t.Errorf("the evidence is %q", got.Alert.Annotations["evidence"])
		}
		if info, err := os.Stat(b.path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file has mode %v, %v, want 0600", info.Mode(), err)
		}
	})
}

// TestDeadLettersAreBounded: one older file, letters written once, lines cut,
// and what finds no room counted.
func TestDeadLettersAreBounded(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dead-letters.jsonl"), []byte(`{"receiver":"old"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, dir, 8<<10)
	one := func(n int, text string) Letter {
		return letter("ops", DropOverflow, firing("A", fmt.Sprint(n)), false, time.Unix(int64(n), 0)).with("text", text)
	}
	for n := range 40 {
		l := one(n, strings.Repeat("x", 300))
		b.Put([]Letter{l, l}, 0)
	}
	b.Put([]Letter{one(41, strings.Repeat("ä", letterBytes))}, 3)
	letters := b.end(t)
	older := readLetters(t, b.path+".1")
	last := letters[len(letters)-1]
	if got := len(last.Alert.Annotations["text"]); got != letterBytes {
		t.Errorf("a value of %d bytes, want it cut at %d", got, letterBytes)
	}
	if len(letters)+len(older) >= 41 || b.written.Load() != 41 || b.lost.Load() != 3 {
		t.Errorf("%d and %d letters, %d written, %d lost, want fewer than 41, 41, 3", len(letters), len(older), b.written.Load(), b.lost.Load())
	}
	for _, path := range []string{b.path, b.path + ".1"} {
		if info, err := os.Stat(path); err != nil || info.Size() > 8<<10 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want at most 8 KiB for its owner alone", path, info, err)
		}
	}
}

// with returns the letter with one more annotation.
func (l Letter) with(name model.LabelName, text string) Letter {
	l.Alert.Annotations = l.Alert.Annotations.Clone()
	l.Alert.Annotations[name] = model.LabelValue(text)
	return l
}

// TestOverflowIsALetter of a mailbox that is full, and of the queue to an
// Alertmanager: beyond the bound of what is remembered it is only counted.
func TestOverflowIsALetter(t *testing.T) {
	b := newMailbox("ops", Options{Capacity: 2}.withDefaults())
	everybody := func(fact) bool { return true }
	for n := range lettersMost + 5 {
		a := firing("A", fmt.Sprint(n))
		b.accept([]fact{{Routed: Routed{Alert: a}, fp: a.Fingerprint()}}, time.Now(), everybody)
	}
	letters, more := b.takeLetters()
	if len(letters) != lettersMost || more != 3 || b.dropped()[DropOverflow] != lettersMost+3 {
		t.Errorf("%d letters and %d more, want %d and 3", len(letters), more, lettersMost)
	}
	if letters[0].Alert.Labels["target"] != "0" {
		t.Errorf("the first letter is of %s, want the oldest", letters[0].Alert.Labels["target"])
	}
}

// TestADiskThatFailsLosesLetters and counts them.
func TestADiskThatFailsLosesLetters(t *testing.T) {
	b := newBox(t, filepath.Join(t.TempDir(), "no-such-folder"), 0)
	b.Put([]Letter{letter("ops", DropOverflow, firing("A", "a"), false, time.Now())}, 0)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.lost.Load() != 1 || b.written.Load() != 0 {
		t.Errorf("%d lost and %d written, want 1 and 0", b.lost.Load(), b.written.Load())
	}
}
