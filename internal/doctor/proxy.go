package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// kind returns what a proxy of a scheme is called.
func kind(scheme string) string {
	switch scheme {
	case "socks5":
		return "SOCKS5"
	case "https":
		return "HTTPS"
	}
	return "HTTP"
}

// Via names the proxy of a contact and its kind.
func (c Contact) Via() string { return kind(c.ProxyScheme) + " proxy " + c.Proxy }

// passed reports whether the proxy of a contact let it through to its host.
func (c Contact) passed() bool {
	return !c.Unseen && (c.Failed == StageDone || c.Failed == StageTLS)
}

// Proxies names each proxy that contacts go through, and what it is in use for.
// One that let none through has no line: those of the contacts say why.
func Proxies(contacts []Contact) []Finding {
	type way struct {
		Contact
		about         []string
		tried, passed int
	}
	var ways []*way
	for _, c := range contacts {
		if c.Proxy == "" {
			continue
		}
		i := slices.IndexFunc(ways, func(w *way) bool {
			return w.Proxy == c.Proxy && w.ProxyScheme == c.ProxyScheme && w.ProxyUser == c.ProxyUser
		})
		if i < 0 {
			i, ways = len(ways), append(ways, &way{Contact: c})
		}
		w := ways[i]
		w.about = append(w.about, c.Users...)
		if len(c.Users) == 0 {
			w.about = append(w.about, c.About)
		}
		if c.Failed != "" && !c.Unseen {
			w.tried++
		}
		if c.passed() {
			w.passed++
		}
	}
	var found []Finding
	for _, w := range ways {
		if w.tried > 0 && w.passed == 0 {
			continue
		}
		f := Finding{Check: "proxy", About: w.Proxy, Grade: OK, Says: kind(w.ProxyScheme) + ", in use for " + few(w.about)}
		if w.ProxyUser {
			f.Says = kind(w.ProxyScheme) + " with a user's name, in use for " + few(w.about)
		}
		switch {
		case w.passed < w.tried:
			f.Grade, f.Do = Warning, "see the lines of the others"
			f.Says += fmt.Sprintf("; it connects to %d of %d hosts", w.passed, w.tried)
		case w.passed > 0:
			f.Says += "; it connects to " + several(w.passed, "host")
		}
		found = append(found, f)
	}
	return found
}

// Environment judges the variables by which other programs find a proxy.
// configured is whether any target has one.
func Environment(environ []string, configured bool) []Finding {
	var set []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch strings.ToUpper(name) {
		case "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY":
			if value != "" && !slices.Contains(set, name) {
				set = append(set, name)
			}
		}
	}
	if len(set) == 0 || configured {
		return nil
	}
	slices.Sort(set)
	return []Finding{{
		Check: "proxy", About: "environment", Grade: Warning, Says: "hfwatch does not go through the proxy of " + few(set) + ": what is measured is what is configured",
		Do: "write defaults: {proxy: …} if the models can only be reached through it",
	}}
}
