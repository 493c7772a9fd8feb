package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/probe"
)

// checker makes a Config of the merged tree, or problems.
type checker struct {
	opts     Options
	reader   *reader
	d        *decoder
	root     *node
	raw      rawConfig
	cfg      *Config
	problems *collector
	warnings *collector
	// models are all models, those that are not watched here too.
	models []*checked
	plans  map[string]plan
}

// checked is a model with what it was read from.
type checked struct {
	raw *rawModel
	out Model
	// active is true where it is enabled and watched from this location.
	active bool
	// fan is true for a model at all providers.
	fan bool
	// labels holds every label, and task the task's name even where the task is
	// not known.
	labels map[string]string
	task   string
	// plan is of the baseline; nil where there is none.
	plan *plan
}

// problem reports what makes the configuration unfit.
func (c *checker) problem(at spot, what, remedy string) { c.problems.add(at.problem(what, remedy)) }

// warn reports what is worth a look.
func (c *checker) warn(at spot, what, remedy string) {
	c.warnings.add(at.problem(what, remedy))
}

// need refuses a key whose feature the program has not.
func (c *checker) need(f Feature, at spot, remedy string) {
	if !c.has(f) {
		c.problem(at, "not available yet: "+string(f), remedy)
	}
}

// has reports whether the program has the feature.
func (c *checker) has(f Feature) bool { return slices.Contains(c.opts.Available, f) }

// check decodes and checks everything.
func (c *checker) check() {
	c.plans = map[string]plan{}
	c.d.mapping(c.root, &c.raw)
	if c.raw.Alerting && len(c.raw.Notify) == 0 {
		c.warn(c.raw.at("notify"), "nobody is told of alerts: there is no receiver", "write notify: [{name: …, webhook: {url_file: …}}]")
	}
	c.top()
	c.hub()
	c.control()
	c.cfg.root = c.root
	c.layers()
	c.allModels()
	c.mixes()
	receivers := c.receivers()
	c.alerts(receivers)
	c.maintenance()
	c.reports()
	c.remoteWrite()
	c.money()
}

// identifier is what names of locations and of what has no other grammar may
// look like.
var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$`)

// name checks a name and returns whether it can be used.
func (c *checker) name(at spot, what, name string) bool {
	if identifier.MatchString(name) {
		return true
	}
	c.problem(at, quote(name)+" is not a "+what, "use up to 128 letters, digits and . _ : / @ -")
	return false
}

// top checks the keys of the top level that are no lists.
func (c *checker) top() {
	raw, cfg := &c.raw, c.cfg
	cfg.Location = raw.Location
	c.name(raw.at("location"), "location", raw.Location)
	cfg.Timezone = c.timezone()
	cfg.Data = Data{Dir: raw.Data.Dir, Retention: raw.Data.Retention.get(), MaxSize: int64(raw.Data.MaxSize)}
	if cfg.Data.Dir == "" {
		c.problem(raw.Data.at("dir"), "is empty", "name a directory, such as ./data")
	}
	if cfg.Data.Retention < 24*time.Hour {
		c.problem(raw.Data.at("retention"), short(cfg.Data.Retention)+" is shorter than a day", "write at least 1d, such as 60d")
	}
	if raw.Data.MaxSize < 64<<20 {
		c.problem(raw.Data.at("max_size"), raw.Data.MaxSize.String()+" is less than records need", "write at least 64MiB, such as 8GiB")
	}
	cfg.EvaluationInterval = raw.EvaluationInterval.get()
	if cfg.EvaluationInterval < time.Second || cfg.EvaluationInterval > 5*time.Minute {
		c.problem(raw.at("evaluation_interval"), short(cfg.EvaluationInterval)+" is out of range", "write from 1s to 5m")
	}
	cfg.Alerting, cfg.History = raw.Alerting, raw.History
	cfg.Budget = c.limits(raw.Budget)
}

// timezone returns the zone of schedules.
func (c *checker) timezone() *time.Location {
	zone, err := time.LoadLocation(c.raw.Timezone)
	if err == nil && c.raw.Timezone != "" && c.raw.Timezone != "Local" {
		return zone
	}
	c.problem(c.raw.at("timezone"), "there is no time zone "+quote(c.raw.Timezone), "write UTC or a name such as Europe/Berlin")
	return time.UTC
}

// limits checks a budget.
func (c *checker) limits(raw rawBudget) budget.Limits {
	whole := func(key string, v *int64) int64 {
		if v == nil {
			return 0
		}
		if *v < 1 {
			c.problem(raw.at(key), fmt.Sprintf("%d allows nothing", *v), "write a number above 0, or remove the key for no limit")
		}
		return *v
	}
	money := func(key string, v *float64) float64 {
		if v == nil {
			return 0
		}
		if *v <= 0 {
			c.problem(raw.at(key), fmt.Sprintf("%g allows nothing", *v), "write a number above 0, or remove the key for no limit")
		}
		return *v
	}
	return budget.Limits{
		RequestsPerDay: whole("requests_per_day", raw.RequestsPerDay), RequestsPerMonth: whole("requests_per_month", raw.RequestsPerMonth),
		TokensPerDay: whole("tokens_per_day", raw.TokensPerDay), TokensPerMonth: whole("tokens_per_month", raw.TokensPerMonth),
		USDPerDay: money("usd_per_day", raw.USDPerDay), USDPerMonth: money("usd_per_month", raw.USDPerMonth),
	}
}

// hub checks the account and the services.
func (c *checker) hub() {
	raw := &c.raw.Hub
	hub := Hub{BillTo: raw.BillTo, URL: raw.URL.u, APIURL: raw.APIURL.u, EndpointsURL: raw.EndpointsURL.u}
	for _, a := range []struct {
		key string
		a   *address
	}{{"url", &raw.URL}, {"api_url", &raw.APIURL}, {"endpoints_url", &raw.EndpointsURL}} {
		c.web(raw.at(a.key), a.a)
	}
	switch {
	case raw.has("token") && raw.has("token_file"):
		c.problem(raw.at("token_file"), "token and token_file are both given", "keep one of the two")
	case raw.has("token_file"):
		hub.Token = c.secretFile(raw.at("token_file"), raw.TokenFile)
	case c.tokenGiven():
		hub.Token = c.secret(raw.at("token"), raw.n.get("token"))
	}
	if u := hub.URL; c.tokenGiven() && u != nil && (u.Scheme != "https" || !hubHost(strings.ToLower(u.Hostname()))) {
		c.warn(raw.at("url"), "the hub's token is not sent there: it leaves over https and to Hugging Face's own hosts only",
			"write https://router.huggingface.co, or give the models auth of their own")
	}
	c.cfg.Hub = hub
}

// secret checks a secret that the file itself holds.
func (c *checker) secret(at spot, n *node) probe.Secret {
	if n.broken || n.kind != scalar {
		return probe.Secret{}
	}
	return c.fit(at, "", n.text)
}

// maxSecret bounds a secret, in bytes.
const maxSecret = 16 << 10

// secretFile reads a secret.
func (c *checker) secretFile(at spot, name string) probe.Secret {
	if name == "" {
		c.problem(at, "is empty", "name a file")
		return probe.Secret{}
	}
	data, ok := c.file(at, name, maxSecret)
	if !ok {
		return probe.Secret{}
	}
	return c.fit(at, quote(name)+": ", strings.TrimRight(string(data), "\r\n"))
}

// fit returns a secret that can stand in a header.
func (c *checker) fit(at spot, in, text string) probe.Secret {
	switch {
	case strings.TrimSpace(text) == "":
		c.problem(at, in+"the secret is empty", "put the secret there, or remove the key")
	case strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
		c.problem(at, in+"the secret holds a space at an end, a line break or a sign outside ASCII", "remove it: a header cannot carry it")
	default:
		return probe.NewSecret(text)
	}
	return probe.Secret{}
}

// file reads a file that the configuration names.
func (c *checker) file(at spot, name string, limit int64) ([]byte, bool) {
	data, err := c.opts.Read(c.resolve(name), limit)
	if err != nil {
		remedy := "correct the name, relative to the configuration file"
		if !isMissing(err) {
			remedy = "correct the file or its rights"
		}
		c.problem(at, quote(name)+": "+unreadable(err), remedy)
		return nil, false
	}
	return data, true
}

// isMissing reports that a file does not exist.
func isMissing(err error) bool { return unreadable(err) == unreadable(os.ErrNotExist) }

// layers checks what only a model itself may have.
func (c *checker) layers() {
	forbid := func(n *node, what string) {
		if n == nil || n.kind != mapping {
			return
		}
		for _, key := range notInLayers() {
			if place, ok := n.keyPlace(key); ok {
				c.problem(spot{place, join(n.path, key)}, key+" cannot stand in "+what, "write it at the model")
			}
		}
	}
	forbid(c.root.get("defaults"), "defaults")
	if profiles := c.root.get("profiles"); profiles != nil {
		for _, e := range profiles.entries {
			forbid(e.value, "a profile")
		}
	}
}

// strangers warns of variables that begin like a setting and are none.
func (c *checker) strangers(names []string) {
	known := envNames(reflect.TypeFor[rawConfig](), envPrefix)
	for _, name := range names {
		// Kubernetes sets the first two for a service that is called hfwatch.
		if strings.HasPrefix(name, "HFWATCH_SERVICE_") || strings.HasPrefix(name, "HFWATCH_PORT") || c.reader.used[name] {
			continue
		}
		c.warn(spot{Place{Env: name}, "environment"}, "sets nothing", meantEnv(name, known))
	}
}

// meantEnv returns the nearest variable, or how they are written.
func meantEnv(name string, known []string) string {
	lower := make([]string, len(known))
	for i, k := range known {
		lower[i] = strings.ToLower(k)
	}
	if n := nearest(name, lower); n != "" {
		return "did you mean " + strings.ToUpper(n) + "?"
	}
	return "the names are those of keys, with two underscores for each dot, as HFWATCH_HUB__BILL_TO"
}
