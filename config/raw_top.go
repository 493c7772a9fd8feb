package config

// The raw types are the file's format: one field a key, its default and its
// meaning beside it. They hold what was written; the rest of the package
// checks it and makes the typed configuration of it.

// rawConfig is the whole file.
type rawConfig struct {
	where
	Location string              `yaml:"location" default:"local" doc:"The place this daemon measures from; several daemons may share one file."`
	Timezone string              `yaml:"timezone" default:"UTC" doc:"The time zone of schedules, such as Europe/Berlin; CRON_TZ= in one schedule wins."`
	Hub      rawHub              `yaml:"hub" doc:"The Hugging Face account and the addresses of its services."`
	Control  string              `yaml:"control" default:"https://huggingface.co" doc:"A host that is dialled where a connection fails and no other host tells whose fault that is; off for none."`
	Data     rawData             `yaml:"data" doc:"Where records and series are kept, and for how long."`
	Budget   rawBudget           `yaml:"budget" doc:"Limits on what all models together may spend, by UTC day and month."`
	Defaults rawModel            `yaml:"defaults" doc:"Keys of a model that every model starts from: maps merge, lists replace."`
	Profiles map[string]rawModel `yaml:"profiles" doc:"Named keys of a model that models may start from, after the defaults."`
	Include  []string            `yaml:"include" doc:"Patterns of further files, relative to this one, with models, mixes and alerts only."`
	Models   []rawModel          `yaml:"models" doc:"What is watched."`
	Mixes    []rawMix            `yaml:"mixes" doc:"Load windows over several models."`
	Alerts   []rawAlert          `yaml:"alerts" doc:"Alerts beside the shipped ones."`
	Notify   []rawReceiver       `yaml:"notify" doc:"Where alerts are sent."`

	Reports     []rawReport      `yaml:"reports" doc:"Reports that are written or sent on a schedule."`
	RemoteWrite []rawRemoteWrite `yaml:"remote_write" doc:"Where series are sent to by Prometheus's remote write 2.0."`

	Maintenance        []rawMaintenance `yaml:"maintenance" doc:"Times in which pages are muted and windows skipped."`
	EvaluationInterval duration         `yaml:"evaluation_interval" default:"15s" doc:"How often alert rules are evaluated, from 1s to 5m."`
	Alerting           bool             `yaml:"alerting" default:"on" doc:"Whether rules are evaluated here; off where a central Prometheus does it."`
	History            bool             `yaml:"history" default:"on" doc:"Whether records and series are kept."`
}

// rawHub is hub.
type rawHub struct {
	where
	Token        string  `yaml:"token" secret:"true" doc:"The Hugging Face token, best as ${HF_TOKEN}."`
	TokenFile    string  `yaml:"token_file" doc:"A file that holds the token instead."`
	BillTo       string  `yaml:"bill_to" doc:"The organisation that pays."`
	URL          address `yaml:"url" default:"https://router.huggingface.co" doc:"The router."`
	APIURL       address `yaml:"api_url" default:"https://huggingface.co" doc:"The Hub's API."`
	EndpointsURL address `yaml:"endpoints_url" default:"https://api.endpoints.huggingface.cloud" doc:"The management API of dedicated endpoints."`
}

// rawData is data.
type rawData struct {
	where
	Dir       string `yaml:"dir" default:"./data" doc:"The directory, relative to the working directory."`
	Retention age    `yaml:"retention" default:"60d" doc:"How long records and series are kept, from 1d on."`
	MaxSize   size   `yaml:"max_size" default:"8GiB" doc:"How much disk they may take, from 64MiB on."`
}

// rawBudget is budget, global or of a model. Absent keys limit nothing.
type rawBudget struct {
	where
	RequestsPerDay   *int64   `yaml:"requests_per_day" doc:"Requests in a UTC day."`
	RequestsPerMonth *int64   `yaml:"requests_per_month" doc:"Requests in a UTC month."`
	TokensPerDay     *int64   `yaml:"tokens_per_day" doc:"Tokens, in and out, in a UTC day."`
	TokensPerMonth   *int64   `yaml:"tokens_per_month" doc:"Tokens, in and out, in a UTC month."`
	USDPerDay        *float64 `yaml:"usd_per_day" doc:"US dollars in a UTC day."`
	USDPerMonth      *float64 `yaml:"usd_per_month" doc:"US dollars in a UTC month."`
}

// rawMatch is match: what it selects must agree with every key.
type rawMatch struct {
	where
	Name     string            `yaml:"name" doc:"The model's name in this file."`
	Task     string            `yaml:"task" doc:"The task."`
	Model    string            `yaml:"model" doc:"The model's id."`
	Labels   map[string]string `yaml:"labels" doc:"Labels of the model."`
	Location string            `yaml:"location" doc:"The location that measures."`
	Severity string            `yaml:"severity" enum:"critical warning info" doc:"The alert's severity; for notify only."`
}

// rawMaintenance is one item of maintenance.
type rawMaintenance struct {
	where
	Name     string    `yaml:"name" doc:"Its name; required."`
	Schedule string    `yaml:"schedule" doc:"When it begins; required."`
	For      duration  `yaml:"for" doc:"How long it lasts; required."`
	Match    *rawMatch `yaml:"match" doc:"The models it is for; all by default."`
	Mute     bool      `yaml:"mute" default:"true" doc:"Whether pages are muted."`
	Probe    bool      `yaml:"probe" default:"true" doc:"Whether probing goes on."`
}

// rawReport is one item of reports.
type rawReport struct {
	where
	Name     string      `yaml:"name" doc:"Its name; required."`
	Schedule string      `yaml:"schedule" doc:"When it is made; required."`
	Since    age         `yaml:"since" default:"28d" doc:"The period it looks back over, from 7d to 366d."`
	Format   string      `yaml:"format" default:"html" enum:"text markdown html json" doc:"Its form."`
	File     string      `yaml:"file" doc:"The file it is written to; {date} stands for the day, as 2026-11-25."`
	Webhook  *rawWebhook `yaml:"webhook" doc:"Where it is posted, signed like an alert, in place of or beside the file."`
}

// rawAlert is one item of alerts.
type rawAlert struct {
	where
	Name          string            `yaml:"name" doc:"Its name, unlike any other alert's; required."`
	Match         *rawMatch         `yaml:"match" doc:"The models it is for; all by default."`
	When          string            `yaml:"when" doc:"The condition, such as p95(response) > 2s over 6h, or first_token > 4s in 3 of 5."`
	Expr          string            `yaml:"expr" doc:"A PromQL expression in place of when."`
	For           duration          `yaml:"for" default:"0s" doc:"How long the condition must hold before it pages."`
	KeepFiringFor duration          `yaml:"keep_firing_for" default:"0s" doc:"How long it fires on after the condition has ended."`
	Severity      string            `yaml:"severity" default:"warning" enum:"critical warning info" doc:"How much it matters."`
	Labels        map[string]string `yaml:"labels" doc:"Labels to add."`
	Annotations   map[string]string `yaml:"annotations" doc:"Annotations to add."`
	RunbookURL    *address          `yaml:"runbook_url" doc:"The page that says what to do."`
	Notify        []string          `yaml:"notify" doc:"Names of receivers; by default all whose match fits."`
}

// rawReceiver is one item of notify: a name, a match and one way to deliver.
type rawReceiver struct {
	where
	Name         string           `yaml:"name" doc:"Its name; required."`
	Match        *rawMatch        `yaml:"match" doc:"The alerts it gets; all by default."`
	Webhook      *rawWebhook      `yaml:"webhook" doc:"A POST of Alertmanager's version 4 body."`
	Alertmanager *rawAlertmanager `yaml:"alertmanager" doc:"The members of an Alertmanager cluster."`
	Slack        *rawHook         `yaml:"slack" doc:"A Slack incoming webhook."`
	PagerDuty    *rawPagerDuty    `yaml:"pagerduty" doc:"A PagerDuty Events v2 integration."`
	Email        *rawEmail        `yaml:"email" doc:"E-mail over SMTP."`
	MSTeams      *rawHook         `yaml:"msteams" doc:"A Microsoft Teams webhook."`
}

// rawWebhook is webhook.
type rawWebhook struct {
	where
	URL        *address `yaml:"url" secret:"true" doc:"The address; url_file where it is itself a secret."`
	URLFile    string   `yaml:"url_file" doc:"A file that holds the address."`
	SecretFile string   `yaml:"secret_file" doc:"A file with the key that signs each request with HMAC-SHA256."`
	Format     string   `yaml:"format" default:"v4" doc:"The body's form; v4 is Alertmanager's."`
}

// rawAlertmanager is alertmanager.
type rawAlertmanager struct {
	where
	URLs []address `yaml:"urls" doc:"The base address of every member; required."`
	Auth *rawAuth  `yaml:"auth" doc:"Credentials for them."`
}

// rawRemoteWrite is one item of remote_write.
type rawRemoteWrite struct {
	where
	Name string   `yaml:"name" doc:"Its name; required."`
	URL  *address `yaml:"url" doc:"The whole address, such as http://prometheus:9090/api/v1/write; required."`
	Auth *rawAuth `yaml:"auth" doc:"Credentials for it."`
}

// rawHook is slack or msteams.
type rawHook struct {
	where
	URL     *address `yaml:"url" secret:"true" doc:"The webhook's address."`
	URLFile string   `yaml:"url_file" doc:"A file that holds it."`
	Channel string   `yaml:"channel" doc:"The channel, where the webhook allows one to be named."`
}

// rawPagerDuty is pagerduty.
type rawPagerDuty struct {
	where
	RoutingKeyFile string   `yaml:"routing_key_file" doc:"A file that holds the integration's routing key; required."`
	URL            *address `yaml:"url" doc:"The events address, where it is not PagerDuty's own."`
}

// rawEmail is email.
type rawEmail struct {
	where
	To           []string `yaml:"to" doc:"The recipients; required."`
	From         string   `yaml:"from" doc:"The sender; required."`
	Smarthost    string   `yaml:"smarthost" doc:"The SMTP server as host:port; required."`
	Username     string   `yaml:"username" doc:"The SMTP user."`
	PasswordFile string   `yaml:"password_file" doc:"A file that holds the SMTP password."`
}
