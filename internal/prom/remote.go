package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// remoteStep is the time that one round sends at most.
	remoteStep = time.Minute
	// remoteBatch is how many samples one request holds about.
	remoteBatch = 2000
	// remoteBacklog is how far back a receiver that was down is caught up.
	remoteBacklog = 24 * time.Hour
	// remoteTimeout bounds one attempt.
	remoteTimeout = 30 * time.Second
)

// RemoteOptions say where series are sent to.
type RemoteOptions struct {
	// Name identifies the receiver, and its cursor in Dir.
	Name string
	// URL is the whole address, such as http://host:9090/api/v1/write.
	URL string
	// Dir holds the file that says what was sent.
	Dir string
	// Header and Value open the receiver; an empty Header is none.
	Header, Value string
	// UserAgent names the sender.
	UserAgent string
	// Dial makes the connections; nil is the network's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Metadata returns the families whose types and help are told; nil has none.
	Metadata func() ([]*dto.MetricFamily, error)
	// Logger must not be nil.
	Logger *slog.Logger
}

// Sent says what one Send did.
type Sent struct {
	// Samples were accepted by the receiver.
	Samples int
	// Dropped were refused by it for good, or are of a time longer ago than is
	// caught up; of those only the time is known, and they count as 0.
	Dropped int
	// Skipped is the time that was given up since it is too long ago.
	Skipped time.Duration
	// More says that there is more to send at once.
	More bool
}

// Remote sends the series of a DB to a Prometheus, a Mimir or a VictoriaMetrics
// by remote write 2.0
// (https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/). The database is
// its queue: a file says up to which instant everything was sent, and what
// comes after is read and sent in order, so that a receiver that was down, or a
// restart, loses nothing within remoteBacklog. What is sent again after a crash
// is the same samples, which receivers take as one. It has no loop: Send is
// called by the owner, from one goroutine. A late batch from before the cursor
// is not sent.
type Remote struct {
	db     *DB
	opts   RemoteOptions
	api    *remote.API
	client *http.Client
	cursor int64 // everything up to it was sent, in milliseconds
	loaded bool
}

// NewRemote returns a sender; the error is of the address.
func NewRemote(db *DB, opts RemoteOptions) (*Remote, error) {
	transport := &http.Transport{DialContext: opts.Dial, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: remoteTimeout}
	client := &http.Client{
		Transport: credentialed{transport, opts}, Timeout: remoteTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	api, err := remote.NewAPI(opts.URL, remote.WithAPIHTTPClient(client), remote.WithAPIPath(""),
		remote.WithAPIBackoff(remote.BackoffConfig{Min: time.Second, Max: 5 * time.Second, MaxRetries: 2}))
	if err != nil {
		return nil, errors.New("remote write: the address is not one of a web server")
	}
	return &Remote{db: db, opts: opts, api: api, client: client}, nil
}

// Close drops idle connections.
func (r *Remote) Close() { r.client.CloseIdleConnections() }

// CloseIdleConnections closes those of the transport inside.
func (c credentialed) CloseIdleConnections() { c.next.CloseIdleConnections() }

// credentialed adds what opens the receiver.
type credentialed struct {
	next *http.Transport
	opts RemoteOptions
}

// RoundTrip sends one request.
func (c credentialed) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", c.opts.UserAgent)
	if c.opts.Header != "" {
		req.Header.Set(c.opts.Header, c.opts.Value)
	}
	res, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout:
		// A receiver that is set up wrongly is to be mended; an error here is one
		// that is tried again, where a status would give the samples up.
		return nil, errors.Join(fmt.Errorf("the receiver answers %s", res.Status), res.Body.Close())
	}
	res.Body = bounded{io.LimitReader(res.Body, 64<<10), res.Body}
	return res, nil
}

// bounded is a body of which no more than a part is read.
type bounded struct {
	io.Reader
	io.Closer
}

// Send sends what came since it last did, a minute of it at most, and returns
// an error where that has to be tried again. A first one begins with now.
func (r *Remote) Send(ctx context.Context) (Sent, error) {
	ctx, end, err := r.db.begin(ctx)
	if err != nil {
		return Sent{}, err
	}
	defer end()
	newest := r.db.Newest()
	if newest.IsZero() {
		return Sent{}, nil
	}
	// Alerts are stored at an instant after its samples, so that the newest is
	// not complete before the next.
	until := newest.UnixMilli() - 1
	if err := r.load(until); err != nil {
		return Sent{}, r.fail(err)
	}
	out := Sent{}
	if oldest := until - remoteBacklog.Milliseconds(); r.cursor < oldest {
		out.Skipped = time.Duration(oldest-r.cursor) * time.Millisecond
		r.cursor = oldest
	}
	if r.cursor >= until {
		return out, nil
	}
	to := min(until, r.cursor+remoteStep.Milliseconds())
	batches, err := r.read(ctx, r.cursor+1, to)
	if err != nil {
		return out, r.fail(err)
	}
	for _, b := range batches {
		refused, err := r.write(ctx, b)
		if err != nil {
			return out, r.fail(err)
		}
		out.Samples, out.Dropped = out.Samples+b.samples-refused, out.Dropped+refused
	}
	if err := r.save(to); err != nil {
		return out, r.fail(err)
	}
	r.cursor, out.More = to, to < until
	return out, nil
}

// fail names the receiver and not its address, which may be a secret.
func (r *Remote) fail(err error) error {
	text := strings.ReplaceAll(err.Error(), r.opts.URL, "<url>")
	if r.opts.Value != "" {
		text = strings.ReplaceAll(text, r.opts.Value, "<secret>")
	}
	return fmt.Errorf("remote write %s: %s", r.opts.Name, text)
}

// request is one request and how many samples it holds.
type request struct {
	symbols writev2.SymbolsTable
	series  []writev2.TimeSeries
	samples int
}

// read returns the samples of a time, as requests.
func (r *Remote) read(ctx context.Context, from, to int64) ([]*request, error) {
	q, err := r.db.held.Querier(from, to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = q.Close() }()
	families := r.families()
	set := q.Select(ctx, true, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+"))
	var out []*request
	var it chunkenc.Iterator
	for set.Next() {
		if len(out) == 0 || out[len(out)-1].samples >= remoteBatch {
			out = append(out, &request{symbols: writev2.NewSymbolTable()})
		}
		b := out[len(out)-1]
		one := writev2.TimeSeries{}
		it = set.At().Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			switch kind {
			case chunkenc.ValFloat:
				t, v := it.At()
				one.Samples = append(one.Samples, writev2.Sample{Timestamp: t, Value: v})
			case chunkenc.ValHistogram:
				t, h := it.AtHistogram(nil)
				one.Histograms = append(one.Histograms, writev2.FromIntHistogram(0, t, h))
			case chunkenc.ValFloatHistogram:
				t, h := it.AtFloatHistogram(nil)
				one.Histograms = append(one.Histograms, writev2.FromFloatHistogram(0, t, h))
			case chunkenc.ValNone:
			}
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
		n := len(one.Samples) + len(one.Histograms)
		if n == 0 {
			continue
		}
		ls := set.At().Labels()
		one.LabelsRefs = b.symbols.SymbolizeLabels(ls, nil)
		if f := families[ls.Get(model.MetricNameLabel)]; f != nil {
			one.Metadata = writev2.Metadata{
				Type:    writev2.FromMetadataType(model.MetricType(strings.ToLower(f.GetType().String()))),
				HelpRef: b.symbols.Symbolize(f.GetHelp()), UnitRef: b.symbols.Symbolize(f.GetUnit()),
			}
		}
		b.series, b.samples = append(b.series, one), b.samples+n
	}
	return out, set.Err()
}

// families returns what is known of families, by name.
func (r *Remote) families() map[string]*dto.MetricFamily {
	out := map[string]*dto.MetricFamily{}
	if r.opts.Metadata == nil {
		return out
	}
	all, err := r.opts.Metadata()
	if err != nil {
		return out // Samples go without it.
	}
	for _, f := range all {
		out[f.GetName()] = f
	}
	return out
}

// write sends one request, and returns how many of its samples were refused for
// good. The error says that it must be sent again.
func (r *Remote) write(ctx context.Context, b *request) (refused int, err error) {
	var again atomic.Bool
	// The receiver may ask for any wait.
	ctx, cancel := context.WithTimeout(ctx, 3*remoteTimeout)
	defer cancel()
	stats, err := r.api.Write(ctx, remote.WriteV2MessageType, &writev2.Request{Symbols: b.symbols.Symbols(), Timeseries: b.series},
		remote.WithWriteRetryCallback(func(error) { again.Store(true) }))
	switch {
	case err == nil:
		return max(0, b.samples-stats.Samples-stats.Histograms), nil
	case ctx.Err() != nil || again.Load():
		return 0, err
	default:
		r.opts.Logger.Error("remote write was refused; its samples are given up", "receiver", r.opts.Name, "samples", b.samples, "err", r.fail(err))
		return b.samples, nil
	}
}

// path returns the file of the cursor.
func (r *Remote) path() string { return filepath.Join(r.opts.Dir, "remote-"+r.opts.Name+".cursor") }

// load reads the cursor once. Where there is none, what is older than now was
// never to be sent.
func (r *Remote) load(now int64) error {
	if r.loaded {
		return nil
	}
	text, err := os.ReadFile(r.path())
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.cursor = now - 1
	case err != nil:
		return err
	default:
		at, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil || at <= 0 || at == math.MaxInt64 {
			r.opts.Logger.Error("the file that says what was sent is broken; sending begins with now", "path", r.path())
			at = now - 1
		}
		// A clock that was wrong when it was written.
		r.cursor = min(at, now)
	}
	r.loaded = true
	return nil
}

// save writes the cursor.
func (r *Remote) save(cursor int64) error {
	next := r.path() + ".new"
	if err := os.WriteFile(next, []byte(strconv.FormatInt(cursor, 10)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(next, r.path())
}
