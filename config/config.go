// Package config turns one YAML file, the environment and command line flags
// into typed values of the packages below it, or into the whole list of what is
// wrong, each problem with its place and its remedy.
//
// The file is parsed once, into nodes that remember where they were written;
// koanf merges file, environment and flags over them; defaults and profiles are
// merged into each model; and only then are values decoded and checked, so that
// every problem names the line that it comes from. What a program cannot do yet
// is checked like the rest and then refused.
//
// The package refuses to watch files, to reload, to hold state, and to touch
// the network. It reads the files that the configuration names, each up to a
// bound. A Config is never changed once it is made and may be used from several
// goroutines at once.
package config

import (
	"net/url"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/report"
	"github.com/hfwatch/hfwatch/schedule"
)

// Config is a configuration in which nothing is wrong.
type Config struct {
	// File is the path it was read from, Included those of included files.
	File     string
	Included []string

	// Location names the place that measures; "local" by default.
	Location string
	// Timezone is that of schedules which name none.
	Timezone *time.Location
	Hub      Hub
	Data     Data
	// Control is dialled where a connection fails and no other host tells whose
	// fault that is; nil is none.
	Control *url.URL
	// Budget limits all models together.
	Budget budget.Limits
	// Models are those that are enabled and watched from this location, in the
	// order of the file. Idle names the others.
	Models []Model
	Idle   []string
	// Fans are those with `provider: all`, in the order of the file.
	Fans  []Fan
	Mixes []Mix
	// Alerts are the user's, without the shipped ones.
	Alerts      []alerts.Rule
	Notify      []Receiver
	Maintenance []schedule.Maintenance
	Reports     []ScheduledReport
	// RemoteWrite is where series are sent to.
	RemoteWrite []RemoteWrite

	EvaluationInterval time.Duration
	// Alerting and History are true unless they were turned off.
	Alerting, History bool
	// UserLabels are the names of the labels that models bear, sorted.
	UserLabels []string
	// Warnings are no reason to refuse the configuration.
	Warnings Problems

	// root is the merged tree, and merged the models with defaults and profiles.
	root   *node
	merged []*node
}

// ScheduledReport is a report that is made again and again.
type ScheduledReport struct {
	Name     string
	Schedule schedule.Schedule
	// Since is the period it looks back over.
	Since  time.Duration
	Format report.Format
	// File is where it is written, {date} standing for the day in UTC; empty is
	// nowhere.
	File string
	// Webhook is where it is posted; nil is nowhere.
	Webhook *notify.Webhook
}

// Hub is the Hugging Face account and the addresses of its services.
type Hub struct {
	Token  probe.Secret
	BillTo string
	// URL is the router's base address, APIURL the Hub's, EndpointsURL that of
	// the management API.
	URL, APIURL, EndpointsURL *url.URL
}

// Data is where records and series are kept, for how long, and in how many
// bytes.
type Data struct {
	Dir       string
	Retention time.Duration
	MaxSize   int64
}

// Model is a target and all that decides when it is measured.
type Model struct {
	Target *probe.Target
	// Place and Path are where it was written.
	Place Place
	Path  string
	// Baseline, Window and ColdStart are nil where there is none.
	Baseline  *Baseline
	Window    *Window
	ColdStart *Experiment
	// Connection is "fresh", "reuse", or empty for fresh baselines and reusing
	// windows.
	Connection string
	Budget     budget.Limits
	// Objectives is nil where there are none.
	Objectives *Objectives
	// Managed is the dedicated endpoint behind the target; nil where none is
	// named.
	Managed *Managed
	// Provided is the name of the model at all providers that this is a target of,
	// in an expanded configuration; empty for any other.
	Provided string
	// Vacant is set in an expanded configuration alone: the model is at all
	// providers, and none is known.
	Vacant *Vacancy
	// TokensIn and TokensOut are the most that one request can take.
	TokensIn, TokensOut int
}

// Baseline is the scheduled probes of a model.
type Baseline struct {
	Schedule schedule.Schedule
	// Jitter bounds the spread; 0 is none.
	Jitter  time.Duration
	Timeout time.Duration
}

// Managed is a dedicated endpoint as the management API knows it.
type Managed struct {
	Namespace, Name string
	// Token may read the endpoint; zero means the hub's token.
	Token probe.Secret
	// Idle is the time without requests after which it scales to zero.
	Idle time.Duration
}

// Objectives are what is good enough; 0 is no objective.
type Objectives struct {
	Response, FirstToken, TPOT time.Duration
	// Availability is the share of good results, from 0 to 1.
	Availability float64
}

// Window is a scheduled load window of one model, or of a mix.
type Window struct {
	Schedule schedule.Schedule
	// One of Stages, Users and Find is set.
	Stages []Stage
	Users  int
	// ThinkMin and ThinkMax bound a user's pause, For is how long users go on.
	ThinkMin, ThinkMax time.Duration
	For                time.Duration
	// Find is the condition of a capacity search.
	Find        string
	Arrival     Arrival
	Lengths     Lengths
	MaxInFlight int
	Timeout     time.Duration
	Abort       Abort
	// Location is the one that runs it; empty is every one.
	Location string
}

// Stage is a part of a window. For includes Ramp, in which the rate gets
// linearly from the last stage's to this one's.
type Stage struct {
	// Rate is in requests a second.
	Rate      float64
	For, Ramp time.Duration
}

// Arrival says how due times are drawn.
type Arrival struct {
	Process    string
	Burstiness float64
	TraceFile  string
	// TraceRequests is how many arrivals the trace has, TraceTime how long it takes
	// by the time scale; both are 0 without one.
	TraceRequests int
	TraceTime     time.Duration
	TimeScale     float64
	Seed          probe.Opt[int64]
}

// Lengths is the distribution of the lengths of inputs, in characters; the zero
// value draws inputs evenly. See load.Lengths.
type Lengths struct {
	// Kind is uniform, normal or lognormal.
	Kind         string
	Mean, Spread float64
	Min, Max     int
}

// Abort says when a window stops itself.
type Abort struct {
	Off         bool
	ErrorRatio  float64
	MinRequests int
	// On are statuses that stop it at once.
	On []int
}

// Experiment is a scheduled cold start.
type Experiment struct {
	Schedule schedule.Schedule
	Idle     time.Duration
	// Method is "hold" or "poll".
	Method   string
	Requests int
	GiveUp   time.Duration
}

// Mix is a load window over several models.
type Mix struct {
	Name string
	Window
	Steps []Step
}

// Step is one model of a mix and its share.
type Step struct {
	Name, Model string
	Weight      float64
}

// Receiver is one place to which alerts are delivered. Exactly one way is set.
type Receiver struct {
	Name    string
	Match   probe.Match
	Webhook *notify.Webhook
	// Alertmanager are the members of a cluster.
	Alertmanager *AlertmanagerCluster
	// Other holds the settings of a receiver of another kind.
	Other *OtherReceiver
}

// RemoteWrite is a receiver of series by Prometheus's remote write 2.0.
type RemoteWrite struct {
	Name string
	// URL is the whole address.
	URL *url.URL
	// AuthHeader and AuthValue open it; an empty header is none.
	AuthHeader string
	AuthValue  probe.Secret
}

// AlertmanagerCluster is the base addresses of its members and the header that
// opens them.
type AlertmanagerCluster struct {
	URLs       []*url.URL
	AuthHeader string
	AuthValue  probe.Secret
}

// OtherReceiver is Slack, PagerDuty, e-mail or Microsoft Teams.
type OtherReceiver struct {
	// Kind is "slack", "pagerduty", "email" or "msteams".
	Kind string
	// URL and Key are the webhook's address, routing key or SMTP password.
	URL, Key probe.Secret
	Channel  string
	To       []string
	From     string
	// Smarthost is host:port.
	Smarthost, Username string
}
