package doctor

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/hfwatch/hfwatch/hub"
)

// Place is the data directory.
type Place struct {
	Dir string
	// Exists is whether it is there; where it is not, the rest is of the nearest
	// directory above it that is.
	Exists bool
	// Err is why nothing can be written there; nil where it can.
	Err error
	// Free is how many bytes the disk has left, Used how many the directory
	// takes, and Max what it may take.
	Free, Used, Max int64
}

// leastFree is the room below which series are no longer written.
const leastFree = 32 << 20

// Data judges the data directory.
func Data(p Place) Finding {
	f := Finding{Check: "data", About: p.Dir}
	room := p.Max - p.Used
	switch {
	case p.Err != nil:
		f.Grade, f.Says = Problem, "nothing can be written there: "+said(p.Err)
		f.Do = "give it to the user that hfwatch runs as, or write another data.dir"
	case p.Free < leastFree:
		f.Grade, f.Says = Problem, fmt.Sprintf("the disk is full: %s are left", bytes(p.Free))
		f.Do = "make room: budgets are not spent and series not kept until there is"
	case p.Free < room:
		f.Grade, f.Says = Warning, fmt.Sprintf("the disk has %s left, less than the %s that hfwatch may still take", bytes(p.Free), bytes(room))
		f.Do = fmt.Sprintf("make room, or lower data.max_size (%s)", bytes(p.Max))
	case !p.Exists:
		f.Grade, f.Says = OK, fmt.Sprintf("it is not there yet and can be made; the disk has %s left", bytes(p.Free))
	default:
		f.Grade, f.Says = OK, fmt.Sprintf("it takes %s of %s, and the disk has %s left", bytes(p.Used), bytes(p.Max), bytes(p.Free))
	}
	return f
}

// bytes returns a number of bytes as people read it.
func bytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", max(0, n)>>10)
}

// Alertmanager judges how a member of a cluster answers when it is asked whether
// it is ready. err is nil where it is.
func Alertmanager(about string, err error) Finding {
	f := Finding{Check: "receiver", About: about, Grade: Problem}
	var refused *hub.StatusError
	switch {
	case err == nil:
		f.Grade, f.Says = OK, "the Alertmanager is ready"
	case !errors.As(err, &refused):
		f.Says, f.Do = "it does not answer: "+said(err), "see that an Alertmanager listens there"
	case refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden:
		f.Says, f.Do = "it refuses the credentials: "+said(err), "correct alertmanager.auth"
	case refused.Status == http.StatusNotFound:
		f.Says, f.Do = "it is no Alertmanager, or its base address is another: "+said(err), "correct alertmanager.urls, with its --web.route-prefix"
	default:
		f.Says, f.Do = "it is not ready: "+said(err), "see its log"
	}
	return f
}
