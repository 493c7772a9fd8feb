package load

import (
	"context"
	"errors"
)

// engine carries out one share.
type engine struct{}

func newEngine(Plan, Share, Options) (*engine, error) {
	return nil, errors.New("load: the engine is not built yet")
}

func (*engine) run(context.Context) Window { return Window{} }

// Find climbs a closed ladder until the capacity under the search's objective is
// known, and returns the window with its Capacity.
func Find(context.Context, Search, Options) (Window, error) {
	return Window{}, errors.New("load: the search is not built yet")
}
