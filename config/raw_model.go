package config

// rawModel is one item of models, the defaults, or a profile.
type rawModel struct {
	where
	Name          string            `yaml:"name" doc:"Its name in series and pages, unlike any other's; the model's id by default."`
	Model         string            `yaml:"model" doc:"The model's id, such as org/name."`
	Task          string            `yaml:"task" doc:"The task by the Hub's name; custom posts its input exactly as given."`
	Enabled       bool              `yaml:"enabled" default:"true" doc:"Whether it is watched."`
	HTTP2         bool              `yaml:"http2" default:"false" doc:"Whether HTTP/2 is used where the server offers it."`
	Profile       string            `yaml:"profile" doc:"The profile it starts from."`
	Labels        map[string]string `yaml:"labels" doc:"Labels for alerts and hfwatch_target_info."`
	Locations     []string          `yaml:"locations" doc:"The locations that watch it; all by default."`
	Provider      string            `yaml:"provider" doc:"The inference provider behind the router, pinned; hf-inference by default for all but chat."`
	ProviderModel string            `yaml:"provider_model" doc:"The provider's own id of the model, for tasks that are passed through to it."`
	URL           *address          `yaml:"url" doc:"The address of a dedicated or self-hosted endpoint, used exactly as given; for chat completed with /v1/chat/completions."`
	Endpoint      *rawEndpoint      `yaml:"endpoint" doc:"Which dedicated endpoint it is, for the management API."`
	Auth          *rawAuth          `yaml:"auth" doc:"Its own credentials, in place of the hub's token."`
	BillTo        string            `yaml:"bill_to" doc:"The organisation that pays, in place of the hub's."`
	Headers       map[string]string `yaml:"headers" secret:"true" doc:"Headers to add to each request."`
	Proxy         *address          `yaml:"proxy" doc:"The proxy to go through: http, https or socks5."`
	TLS           *rawTLS           `yaml:"tls" doc:"Deviations from the system's own trust."`
	Connection    string            `yaml:"connection" enum:"fresh reuse" doc:"Whether each request dials afresh: fresh for baselines and reuse for windows by default."`
	Stream        bool              `yaml:"stream" default:"false" doc:"Whether the answer is streamed."`
	Stall         duration          `yaml:"stall" default:"20s" doc:"The longest time without progress in a stream."`
	Inputs        *rawInputs        `yaml:"inputs" doc:"Values of the task's own input, one drawn at random; or sample, join and from."`
	InputsFile    string            `yaml:"inputs_file" doc:"A file with one JSON value a line, in place of inputs."`
	InputFile     string            `yaml:"input_file" doc:"A media file that is the input."`
	Parameters    *node             `yaml:"parameters" doc:"Parameters that pass through to the task; by default temperature 0 and 64 output tokens (512 for models known to reason)."`
	Cache         string            `yaml:"cache" default:"defeat" enum:"defeat allow" doc:"Whether cached answers are defeated or allowed."`
	Expect        *rawExpect        `yaml:"expect" doc:"What the answer must be."`
	Objectives    *rawObjectives    `yaml:"objectives" doc:"What is good enough, for goodput and burn rates."`
	Wake          string            `yaml:"wake" enum:"keep_warm observe_cold never_wake" doc:"What may be done to a model that sleeps; required for dedicated endpoints."`
	ExpectPaused  bool              `yaml:"expect_paused" default:"false" doc:"Whether being paused is as it should be."`
	Baseline      rawBaseline       `yaml:"baseline" doc:"The scheduled probes; off for none."`
	Window        *rawWindow        `yaml:"window" doc:"The scheduled load window; off for none."`
	ColdStart     *rawColdStart     `yaml:"cold_start" doc:"The scheduled cold-start experiment; off for none."`
	Budget        rawBudget         `yaml:"budget" doc:"Limits on what this model may spend, by UTC day and month."`
	Price         *rawPrice         `yaml:"price" doc:"What it costs."`
}

// rawEndpoint is endpoint.
type rawEndpoint struct {
	where
	Namespace string   `yaml:"namespace" doc:"The user or organisation that owns it; required."`
	Name      string   `yaml:"name" doc:"The endpoint's name; required."`
	TokenFile string   `yaml:"token_file" doc:"A file with a token that may read it; the hub's token by default."`
	Idle      duration `yaml:"idle" default:"1h" doc:"The time without requests after which it scales to zero."`
}

// rawAuth is auth: one of its keys, or the word none.
type rawAuth struct {
	where
	TokenFile string         `yaml:"token_file" doc:"A file with a token, sent as Authorization: Bearer."`
	Header    *rawAuthHeader `yaml:"header" doc:"A header of its own."`
	None      bool           `yaml:"none" doc:"Send no credentials at all."`
}

// rawAuthHeader is auth.header.
type rawAuthHeader struct {
	where
	Name      string `yaml:"name" doc:"The header's name; required."`
	ValueFile string `yaml:"value_file" doc:"A file that holds its value; required."`
}

// rawTLS is tls.
type rawTLS struct {
	where
	CAFile             string `yaml:"ca_file" doc:"PEM certificates to trust in place of the system's."`
	CertFile           string `yaml:"cert_file" doc:"A PEM client certificate."`
	KeyFile            string `yaml:"key_file" doc:"Its PEM key."`
	ServerName         string `yaml:"server_name" doc:"The name to ask for and to verify, where it is not the host's."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" default:"false" doc:"Accept any certificate."`
}

// rawInputs is inputs: a list of values, or a mapping with sample, join, from.
type rawInputs struct {
	where
	values []*node
	// sampled is true for the mapping, of which the rest is.
	sampled bool
	rule    rawSample
}

// rawSample is the mapping form of inputs.
type rawSample struct {
	where
	Sample counts `yaml:"sample" default:"1" doc:"How many texts are drawn, as 2 or 1-3."`
	Join   string `yaml:"join" default:" " doc:"What joins them."`
	From   *node  `yaml:"from" doc:"The texts that are drawn from; required."`
}

// rawExpect is expect.
type rawExpect struct {
	where
	Label      string      `yaml:"label" doc:"The label of the highest score."`
	MinScore   *ratio      `yaml:"min_score" doc:"The least score of that label."`
	Contains   oneOrMore   `yaml:"contains" doc:"A text, or texts, that the answer holds."`
	Matches    string      `yaml:"matches" doc:"A regular expression (RE2) that the answer matches."`
	JSONSchema *node       `yaml:"json_schema" doc:"A JSON Schema that the answer, as JSON, fulfils; or the name of a file that holds one."`
	Dimension  *int        `yaml:"dimension" doc:"The length of each vector."`
	SimilarTo  *rawSimilar `yaml:"similar_to" doc:"A vector that the answer's is near."`
	Equals     *node       `yaml:"equals" doc:"The answer itself."`
	MinLength  *int        `yaml:"min_length" doc:"The least number of characters."`
	MaxLength  *int        `yaml:"max_length" doc:"The greatest number of characters."`
}

// rawSimilar is expect.similar_to.
type rawSimilar struct {
	where
	VectorFile string `yaml:"vector_file" doc:"A file with the vector as a JSON list of numbers; required."`
	Min        *ratio `yaml:"min" doc:"The least cosine similarity; required."`
}

// rawObjectives is objectives.
type rawObjectives struct {
	where
	Response     duration `yaml:"response" doc:"The response time that is good enough."`
	FirstToken   duration `yaml:"first_token" doc:"The time to first token that is good enough."`
	TPOT         duration `yaml:"tpot" doc:"The time per output token that is good enough."`
	Availability *ratio   `yaml:"availability" doc:"The share of results that must be good, such as 99.5%."`
}

// rawBaseline is baseline.
type rawBaseline struct {
	where
	switchable
	Schedule string    `yaml:"schedule" default:"*/5 * * * *" doc:"When to probe: five fields of cron, or @every 30s."`
	Jitter   duration  `yaml:"jitter" default:"60s" doc:"The most by which probes are spread, within the slot; 0s for none."`
	Timeout  *duration `yaml:"timeout" doc:"The time limit of a probe: 30s, or 90s for generation and media, and never more than the slot."`
}

// rawPrice is price. Absent is unknown, not free.
type rawPrice struct {
	where
	USDPerMTokInput  *float64 `yaml:"usd_per_mtok_input" doc:"US dollars for a million input tokens."`
	USDPerMTokOutput *float64 `yaml:"usd_per_mtok_output" doc:"US dollars for a million output tokens."`
	USDPerHour       *float64 `yaml:"usd_per_hour" doc:"US dollars for an hour awake."`
}
