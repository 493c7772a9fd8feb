package load

import (
	"context"
	"errors"
)

// Find climbs a closed ladder until the capacity under the search's objective is
// known, and returns the window with its Capacity.
func Find(context.Context, Search, Options) (Window, error) {
	return Window{}, errors.New("load: the search is not built yet")
}
