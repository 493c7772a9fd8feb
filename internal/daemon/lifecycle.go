package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// cleanups are what must be undone, named, in the reverse of the order in which
// it was done.
type cleanups []cleanup

type cleanup struct {
	name string
	do   func(context.Context) error
}

// lastWords is how long a part that talks to the outside may take to say what
// is left, when everything else has ended.
const lastWords = 5 * time.Second

// within gives a cleanup lastWords of its own, whatever those before it took.
func within(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		return do(ctx)
	}
}

// add puts one more cleanup on top.
func (c *cleanups) add(name string, do func(context.Context) error) {
	*c = append(*c, cleanup{name, do})
}

// run carries out all of them, the last added first, whether they fail or not,
// and returns their errors. A second run does nothing.
func (c *cleanups) run(ctx context.Context) error {
	list := *c
	*c = nil
	var errs []error
	for _, one := range slices.Backward(list) {
		if err := one.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping the %s: %w", one.name, err))
		}
	}
	return errors.Join(errs...)
}
