package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/fault"
	"github.com/hfwatch/hfwatch/internal/doctor"
)

// place looks at the data directory.
func place(data config.Data) doctor.Place {
	p := doctor.Place{Dir: data.Dir, Max: data.MaxSize}
	dir := filepath.Clean(data.Dir)
	info, err := os.Stat(dir)
	for p.Exists = err == nil; errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir); info, err = os.Stat(dir) {
		dir = filepath.Dir(dir)
	}
	switch {
	case err != nil:
		p.Err = err
		return p
	case !info.IsDir():
		p.Err = fmt.Errorf("%s is no directory", dir)
		return p
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		p.Err = fmt.Errorf("%s: %w", dir, err)
		return p
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		p.Err = err
		return p
	}
	p.Free = int64(disk.Bavail) * int64(disk.Bsize) //nolint:unconvert // The types differ between systems.
	if p.Exists {
		p.Used = size(dir)
	}
	return p
}

// size returns how many bytes the files below dir have, as far as they can be
// seen.
func size(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil //nolint:nilerr // What cannot be seen, or went meanwhile, is left out.
		}
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// answerWithin bounds how long the daemon's checks are waited for.
const answerWithin = 30 * time.Second

// daemon finds the daemon that holds the data directory, lets it check at once
// what it has suspended, and returns the scopes that it was asked of. There is
// no daemon where nothing listens on the socket.
func (v *visit) daemon(ctx context.Context) []fault.Scope {
	dir := v.cfg.Data.Dir
	running, err := v.control(ctx, http.MethodGet, "/config")
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), isPathTooLong(err):
		return nil
	case err != nil:
		v.deaf = true
		v.tell(doctor.Daemon(dir, false, err))
		return nil
	}
	v.tell(doctor.Daemon(dir, bytes.Equal(running, v.cfg.Redacted()), nil))
	before, err := v.accounts(ctx)
	if err != nil || len(before) == 0 || v.Offline || v.Unpaid {
		return v.standing(before)
	}
	asked := time.Now()
	if _, err := v.control(ctx, http.MethodPost, "/-/resume"); err != nil {
		v.tell(doctor.Daemon(dir, false, err))
		return v.standing(before)
	}
	return v.rechecked(ctx, before, asked)
}

// standing tells of scopes that are suspended and were not asked again.
func (v *visit) standing(states []fault.State) []fault.Scope {
	scopes := make([]fault.Scope, 0, len(states))
	for _, st := range states {
		scopes = append(scopes, st.Scope)
		v.tell(doctor.Suspended(doctor.Blocked{Scope: st.Scope.String(), Reason: st.Reason, Detail: st.Detail, Since: st.Since, Unasked: true}))
	}
	return scopes
}

// rechecked waits for the answers to the checks that the daemon was asked for,
// and tells of each scope that was blocked before.
func (v *visit) rechecked(ctx context.Context, before []fault.State, asked time.Time) []fault.Scope {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var now map[fault.Scope]fault.State
	for settled := false; !settled; {
		states, err := v.accounts(ctx)
		if err != nil {
			break
		}
		now, settled = map[fault.Scope]fault.State{}, true
		for _, st := range states {
			now[st.Scope] = st
			settled = settled && !awaited(st, asked)
		}
		if settled {
			break
		}
		select {
		case <-ctx.Done():
			settled = true
		case <-tick.C:
		}
	}
	var scopes []fault.Scope
	for _, st := range before {
		if st.Phase == fault.Limited {
			// Let go by the resume; the next request shows whether it is over.
			continue
		}
		after, still := now[st.Scope]
		scopes = append(scopes, st.Scope)
		v.tell(doctor.Suspended(doctor.Blocked{
			Scope: st.Scope.String(), Reason: st.Reason, Detail: st.Detail, Since: st.Since,
			Open: now != nil && !still, Pending: now == nil || still && awaited(after, asked),
		}))
	}
	return scopes
}

// awaited reports whether the check of a scope that was asked for at the time
// given has not been answered.
func awaited(st fault.State, asked time.Time) bool {
	// A check that is answered puts the next one off for a quarter of an hour; one
	// that found its target busy for a few seconds.
	return st.Phase != fault.Limited && (st.Checking || !st.Next.After(asked.Add(time.Minute)))
}

// accounts asks the daemon what the account holds back.
func (v *visit) accounts(ctx context.Context) ([]fault.State, error) {
	body, err := v.control(ctx, http.MethodGet, "/accounts")
	if err != nil {
		return nil, err
	}
	var states []fault.State
	if err := json.Unmarshal(body, &states); err != nil {
		return nil, fmt.Errorf("what it says of the account: %w", err)
	}
	return states, nil
}

// control asks the daemon that holds the data directory.
func (v *visit) control(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, controlWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://hfwatch"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := controlClient(v.cfg.Data.Dir).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s with %d", path, resp.StatusCode)
	}
	return body, err
}

// isPathTooLong reports whether a socket's path is longer than one can be, so
// that no daemon can listen there.
func isPathTooLong(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && errors.Is(err, syscall.EINVAL)
}
