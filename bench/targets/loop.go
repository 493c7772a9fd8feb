package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// loop does the same requests as the daemon with as little as can be: net/http,
// a fresh connection for each, a ticker for each target, every line of the
// answer read and forgotten. It prints how many it did and the processor time
// that they took.
func loop(ctx context.Context, p plan, url string, stdout io.Writer) error {
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	ctx, cancel := context.WithTimeout(ctx, p.length)
	defer cancel()
	before, err := measure.Self()
	if err != nil {
		return err
	}
	var done, failed atomic.Int64
	var wg sync.WaitGroup
	for n := range p.targets {
		wg.Go(func() {
			// The daemon spreads its targets over the interval as well.
			if !wait(ctx, p.every*time.Duration(n)/time.Duration(p.targets)) {
				return
			}
			tick := time.NewTicker(p.every)
			defer tick.Stop()
			for {
				err := ask(ctx, transport, url+path(n), p)
				switch {
				case err == nil:
					done.Add(1)
				case ctx.Err() == nil:
					failed.Add(1)
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
	after, err := measure.Self()
	if err != nil {
		return err
	}
	if done.Load() == 0 || failed.Load() > 0 {
		return fmt.Errorf("%d requests went well and %d failed", done.Load(), failed.Load())
	}
	_, err = fmt.Fprintf(stdout, "%d requests, %.3f CPU seconds\n", done.Load(), (after - before).Seconds())
	return err
}

// wait waits and reports that ctx has not ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// path is where target n answers.
func path(n int) string { return "/t" + strconv.Itoa(n) }

// ask does one request and reads its answer line by line.
func ask(ctx context.Context, transport *http.Transport, url string, p plan) error {
	body := `"x"`
	if p.kind == kindChat {
		body = `{"model":"org/name","messages":[{"role":"user","content":"Count."}],"stream":true,"max_tokens":64}`
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	lines := bufio.NewReader(resp.Body)
	for {
		_, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
