package notify

import (
	"slices"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// postQueue holds what waits to be posted to one Alertmanager: of each alert the
// newest word on each of its states, in the order in which these came.
type postQueue struct {
	waiting []*queued
	// newest is the last of the queue about each alert.
	newest map[model.Fingerprint]*queued
}

// posted is an alert as it is to be posted. Its end is in the future while it
// fires.
type posted struct {
	alert    *alert.Alert
	fp       model.Fingerprint
	resolved bool
}

// queued is an alert that waits to be posted, and since when.
type queued struct {
	posted
	since time.Time
}

// put adds alerts, and returns those that give way beyond the capacity: the
// oldest that fire, and the oldest resolves only where nothing fires. An alert
// that waits already in the same state keeps its place and takes the new words:
// firing ones would else be posted with an end that has passed, which reads as a
// resolve.
func (q *postQueue) put(alerts []posted, now time.Time) (dropped []*queued) {
	if q.newest == nil {
		q.newest = map[model.Fingerprint]*queued{}
	}
	for _, p := range alerts {
		if was := q.newest[p.fp]; was != nil && was.resolved == p.resolved && was.alert.StartsAt.Equal(p.alert.StartsAt) {
			was.alert = p.alert
			continue
		}
		one := &queued{p, now}
		q.waiting = append(q.waiting, one)
		q.newest[p.fp] = one
	}
	over := len(q.waiting) - queueCapacity
	for _, resolved := range []bool{false, true} {
		if len(dropped) >= over {
			break
		}
		q.waiting = slices.DeleteFunc(q.waiting, func(one *queued) bool {
			gives := len(dropped) < over && one.resolved == resolved
			if gives {
				q.leave(one)
				dropped = append(dropped, one)
			}
			return gives
		})
	}
	return dropped
}

// leave forgets that one waits.
func (q *postQueue) leave(one *queued) {
	if q.newest[one.fp] == one {
		delete(q.newest, one.fp)
	}
}

// take returns the next batch.
func (q *postQueue) take() []*queued {
	n := min(len(q.waiting), batchMost)
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	for _, one := range batch {
		q.leave(one)
	}
	return batch
}
