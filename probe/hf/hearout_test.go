package hf

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a connection that keeps the deadlines that it is given for reads.
type deadlines struct {
	net.Conn
	reads []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.reads = append(d.reads, t)
	return nil
}

func (d *deadlines) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// TestHearOutLeavesAnEndAlone: a request that cannot be written waits a little for
// its answer, never beyond its own deadline, and not at all once it has ended.
func TestHearOutLeavesAnEndAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			limit time.Duration
			ended bool
			want  time.Time
		}{
			{time.Minute, false, time.Now().Add(answerGrace)},
			{20 * time.Millisecond, false, time.Now().Add(20 * time.Millisecond)},
			{time.Minute, true, time.Unix(1, 0)},
		} {
			d := &deadlines{}
			x := &exchange{sent: time.Now(), limit: row.limit}
			x.over = &pooled{conn: d}
			if row.ended {
				x.end(errors.New("called off"))
			}
			x.hearOut(x.over)
			if len(d.reads) != 1 || !d.reads[0].Equal(row.want) {
				t.Errorf("limit %v, ended %t: reads until %v, want %v", row.limit, row.ended, d.reads, row.want)
			}
		}
	})
}
