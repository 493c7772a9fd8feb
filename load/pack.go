package load

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// MaxPacked is the most arrivals whose due times stand in a record; what more
// there is is drawn again from the seed, and held against the hash.
const MaxPacked = 200_000

// Head returns the plan without its arrivals, which it holds in a packed form.
func (p Plan) Head() PlanHead {
	h := PlanHead{Schema: p.Schema, Seed: p.Seed, Process: p.Process, Stages: p.Stages, Spec: p.Spec, Arrivals: len(p.Arrivals)}
	if len(p.Arrivals) == 0 {
		return h
	}
	raw := p.pack()
	sum := sha256.Sum256(raw)
	h.Hash = hex.EncodeToString(sum[:16])
	if len(p.Arrivals) <= MaxPacked {
		h.Due = deflate(raw)
	}
	return h
}

// pack returns the arrivals as numbers of variable length: the microseconds since
// the last one, the stage, the step, and the three lengths.
func (p Plan) pack() []byte {
	out := make([]byte, 0, 8*len(p.Arrivals))
	last := time.Duration(0)
	for _, a := range p.Arrivals {
		at, _ := a.At.Get()
		out = binary.AppendUvarint(out, uint64(max(0, (at-last)/time.Microsecond)))
		last = at
		for _, n := range []int{a.Stage, a.Step, a.Length, a.TokensIn, a.TokensOut} {
			out = binary.AppendUvarint(out, uint64(n))
		}
	}
	return out
}

// deflate returns raw compressed, in base64.
func deflate(raw []byte) string {
	var out bytes.Buffer
	// Neither the level nor writing to memory can fail.
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	_, _ = w.Write(raw)
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// Plan returns the whole plan that the head is of: from the due times that it
// holds, or drawn again from its spec and seed. An error says that neither gives
// the arrivals that the hash is of.
func (h PlanHead) Plan(window string) (Plan, error) {
	p := Plan{Schema: h.Schema, Window: window, Seed: h.Seed, Process: h.Process, Stages: h.Stages, Spec: h.Spec}
	switch {
	case h.Arrivals == 0:
		return p, nil
	case h.Due != "":
		raw, err := inflate(h.Due, 64*h.Arrivals)
		if err != nil {
			return Plan{}, fmt.Errorf("plan %s: due: %w", window, err)
		}
		if p.Arrivals, err = unpack(raw, h.Arrivals); err != nil {
			return Plan{}, fmt.Errorf("plan %s: due: %w", window, err)
		}
	case h.Spec != nil && h.Process != string(Trace):
		drawn, err := Draw(*h.Spec, h.Seed)
		if err != nil {
			return Plan{}, err
		}
		p.Arrivals = drawn.Arrivals
	default:
		return Plan{}, fmt.Errorf("plan %s: its arrivals were not stored, and their trace is needed to draw them again", window)
	}
	if sum := sha256.Sum256(p.pack()); hex.EncodeToString(sum[:16]) != h.Hash {
		return Plan{}, fmt.Errorf("plan %s: its arrivals are not those that the hash is of", window)
	}
	return p, nil
}

// inflate reads what deflate wrote, at most limit bytes.
func inflate(text string, limit int) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), int64(limit)+1))
	if err == nil && len(raw) > limit {
		err = fmt.Errorf("longer than %d bytes", limit)
	}
	return raw, err
}

// mostOf returns the largest number that a field of an arrival may be. A trace may
// pause for years: its gaps are bounded by what a time.Duration holds.
func mostOf(field int) uint64 {
	if field == 0 {
		return 1 << 52
	}
	return 1 << 40
}

// unpack reads what pack wrote.
func unpack(raw []byte, n int) ([]Arrival, error) {
	if n > MaxPacked || n > len(raw) {
		return nil, fmt.Errorf("%d arrivals in %d bytes", n, len(raw))
	}
	out := make([]Arrival, n)
	at := time.Duration(0)
	for i := range out {
		var field [6]uint64
		for k := range field {
			v, size := binary.Uvarint(raw)
			if size <= 0 || size > len(raw) || v > mostOf(k) {
				return nil, errors.New("it ends early or holds what is no arrival")
			}
			field[k] = v //nolint:gosec // k ranges over the array.
			raw = raw[size:]
		}
		if at += time.Duration(field[0]) * time.Microsecond; at < 0 {
			return nil, errors.New("it holds a time that is no time")
		}
		out[i] = Arrival{
			At: probe.Measured(at), Stage: int(field[1]), Step: int(field[2]),
			Length: int(field[3]), TokensIn: int(field[4]), TokensOut: int(field[5]),
		}
	}
	if len(raw) > 0 {
		return nil, fmt.Errorf("%d bytes follow the last arrival", len(raw))
	}
	return out, nil
}
