package daemon

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/hfwatch/hfwatch/config"
)

// listFresh is how old what a file keeps of the router's list may be before a
// command asks for it itself.
const listFresh = time.Hour

// Watched returns a configuration as a daemon would watch it, for commands that
// are no daemon: with the providers of models that are at all of them, and with
// the router's prices. The list is the one that a daemon has kept in the data
// directory; only where it is old or missing, and a model needs it, the router is
// asked once. Where it does not answer, what was kept is used all the same.
func Watched(ctx context.Context, cfg *config.Config, version string, logger *slog.Logger, dial func(context.Context, string, string) (net.Conn, error)) *config.Config {
	if !asksRouter(cfg) {
		return cfg
	}
	list, err := readListing(cfg.Data.Dir)
	if err != nil {
		logger.Warn("what was kept of the router's list cannot be read", "err", err)
	}
	known := routing{listing: list}
	if len(cfg.Fans) > 0 && time.Since(list.at) > listFresh {
		client := managementOf(cfg, version, dial)
		defer client.Close()
		all, err := client.Models(ctx)
		if err != nil {
			known.failed = err.Error()
			logger.Warn("the router's list of models cannot be read", "err", err)
		} else {
			known.listing = listingOf(all, time.Now())
		}
	}
	return cfg.Expand(known)
}
