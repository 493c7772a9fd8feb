package config

// rawWindow is window: a schedule and one of stages, users, and find.
type rawWindow struct {
	where
	switchable
	Schedule    string      `yaml:"schedule" doc:"When it starts; required."`
	Stages      []rawStage  `yaml:"stages" doc:"Open arrivals, one stage after the other."`
	Users       int         `yaml:"users" doc:"Closed loops in place of stages: how many."`
	ThinkTime   *span       `yaml:"think_time" doc:"The pause of a user between requests, as 2s or 1s-4s."`
	For         duration    `yaml:"for" doc:"How long the users go on; required with users."`
	Find        string      `yaml:"find" doc:"A capacity search: the condition that must hold, such as p95(first_token) < 1s."`
	Arrival     *rawArrival `yaml:"arrival" doc:"How arrivals are drawn."`
	Lengths     *rawLengths `yaml:"lengths" doc:"How long the inputs are that are drawn from the pool; evenly by default."`
	MaxInFlight int         `yaml:"max_in_flight" doc:"The most requests at a time; required."`
	Timeout     *duration   `yaml:"timeout" doc:"The time limit of a request; the baseline's by default."`
	Abort       rawAbort    `yaml:"abort" doc:"When it stops itself; only off disables it."`
	Location    string      `yaml:"location" doc:"The location that runs it; every one by default."`
}

// rawStage is one item of stages.
type rawStage struct {
	where
	Rate rate     `yaml:"rate" doc:"Arrivals, as 5/s or 30/m; required."`
	For  duration `yaml:"for" doc:"How long it lasts, its ramp included; required."`
	Ramp duration `yaml:"ramp" default:"0s" doc:"How long the rate takes to get from the last stage's to this one's."`
}

// rawArrival is arrival.
type rawArrival struct {
	where
	Process    string  `yaml:"process" default:"constant" enum:"constant poisson gamma modulated trace" doc:"The process."`
	Burstiness float64 `yaml:"burstiness" default:"1" doc:"Of gamma: 1 is Poisson, less is burstier."`
	TraceFile  string  `yaml:"trace_file" doc:"Of trace: the CSV file to replay."`
	TimeScale  float64 `yaml:"time_scale" default:"1" doc:"Of trace: the factor on its times."`
	Seed       *int64  `yaml:"seed" doc:"The seed of every draw; by default of the name and the time."`
}

// rawLengths is lengths.
type rawLengths struct {
	where
	Kind   string  `yaml:"kind" default:"uniform" enum:"uniform normal lognormal" doc:"The distribution."`
	Mean   float64 `yaml:"mean" doc:"Of normal and lognormal: the mean, in characters; required."`
	Spread float64 `yaml:"spread" doc:"Of normal the standard deviation in characters, of lognormal that of the logarithm."`
	Min    int     `yaml:"min" doc:"The least length, in characters."`
	Max    int     `yaml:"max" doc:"The greatest length; required of uniform."`
}

// rawAbort is abort.
type rawAbort struct {
	where
	switchable
	ErrorRatio  ratio `yaml:"error_ratio" default:"0.2" doc:"The share of bad results that stops it."`
	MinRequests int   `yaml:"min_requests" default:"20" doc:"The results before the share counts."`
	On          []int `yaml:"on" doc:"Statuses that stop it at once; 402 and 429 by default."`
}

// rawColdStart is cold_start.
type rawColdStart struct {
	where
	switchable
	Schedule string    `yaml:"schedule" doc:"When the experiment starts; required."`
	Idle     *duration `yaml:"idle" doc:"How long the model must have had no request; the endpoint's idle by default."`
	Method   string    `yaml:"method" default:"hold" enum:"hold poll" doc:"Whether one request is held until the model is awake, or it is asked again and again."`
	Requests int       `yaml:"requests" default:"60" doc:"The most requests of the warm-up after it."`
	GiveUp   duration  `yaml:"give_up" default:"15m" doc:"How long a cold start may take."`
}

// rawMix is one item of mixes.
type rawMix struct {
	where
	Name        string     `yaml:"name" doc:"Its name; required."`
	Schedule    string     `yaml:"schedule" doc:"When it starts; required."`
	Users       int        `yaml:"users" doc:"Closed loops: how many."`
	ThinkTime   *span      `yaml:"think_time" doc:"The pause of a user between requests, as 2s or 1s-4s."`
	For         duration   `yaml:"for" doc:"How long the users go on; required with users."`
	MaxInFlight int        `yaml:"max_in_flight" doc:"The most requests at a time; required."`
	Stages      []rawStage `yaml:"stages" doc:"Open arrivals in place of users."`
	Abort       rawAbort   `yaml:"abort" doc:"When it stops itself; only off disables it."`
	Location    string     `yaml:"location" doc:"The location that runs it; every one by default."`
	Steps       []rawStep  `yaml:"steps" doc:"The models and their weights; required."`
}

// rawStep is one item of steps.
type rawStep struct {
	where
	Model  string  `yaml:"model" doc:"The name of a model of this file; required."`
	Weight float64 `yaml:"weight" default:"1" doc:"Its share of the requests."`
	Name   string  `yaml:"name" doc:"The step's name; the model's by default."`
}
