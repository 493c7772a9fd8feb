package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/hfwatch/hfwatch/config"
)

// compiled returns the compiled schema.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON returns a YAML file as an editor's validator sees it.
func asJSON(t *testing.T, name string) (any, error) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Load(data, &v); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}

// TestSchemaIsCurrent: the file at the root is what the types say.
func TestSchemaIsCurrent(t *testing.T) { golden(t, "../config.schema.json", config.Schema()) }

// TestSchemaJudgesFiles: it accepts the good ones and refuses those with unknown keys and wrong
// types.
func TestSchemaJudgesFiles(t *testing.T) {
	s := compiled(t)
	for _, name := range []string{"testdata/example.yaml", "../config.yaml"} {
		v, err := asJSON(t, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("Validate(%s) = %v", name, err)
		}
	}
	for _, rule := range []string{
		"unknown_key", "unknown_key_of_model", "unknown_key_nested", "wrong_type_list", "wrong_type_scalar", "wrong_type_number",
		"wrong_type_bool", "wrong_type_model", "no_value", "duration_without_unit", "duration_bad", "rate_bad", "size_bad", "ratio_bad",
		"enum_bad", "task_unknown", "inputs_empty", "inputs_single", "inputs_mapping", "auth_word", "a_list", "models_missing",
		"profile_wrong", "alert_severity", "parameters_bad",
	} {
		v, err := asJSON(t, filepath.Join("testdata/invalid", rule+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("Validate(%s) accepts it", rule)
		}
	}
}

// TestSchemaHasEveryKey of the format, and says of each what it is.
func TestSchemaHasEveryKey(t *testing.T) {
	var doc struct {
		Defs map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(config.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]string{
		"config": "location timezone hub data budget defaults profiles include models mixes alerts notify maintenance reports remote_write evaluation_interval alerting history control",
		"hub":    "token token_file bill_to url api_url endpoints_url",
		"data":   "dir retention max_size",
		"budget": "requests_per_day requests_per_month tokens_per_day tokens_per_month usd_per_day usd_per_month",
		"model": "name model task enabled http2 profile labels locations provider provider_model url endpoint auth bill_to headers proxy tls connection stream stall " +
			"inputs inputs_file input_file parameters cache expect objectives wake expect_paused baseline window cold_start budget price",
		"endpoint":    "namespace name token_file idle",
		"auth":        "token_file header none",
		"authheader":  "name value_file",
		"tls":         "ca_file cert_file key_file server_name insecure_skip_verify",
		"sample":      "sample join from",
		"expect":      "label min_score contains matches json_schema dimension similar_to equals min_length max_length",
		"similar":     "vector_file min",
		"objectives":  "response first_token tpot availability",
		"baseline":    "schedule jitter timeout",
		"window":      "schedule stages users think_time for find arrival lengths max_in_flight timeout abort location",
		"arrival":     "process burstiness trace_file time_scale seed",
		"lengths":     "kind mean spread min max",
		"stage":       "rate for ramp",
		"abort":       "error_ratio min_requests on",
		"coldstart":   "schedule idle method requests give_up",
		"mix":         "name schedule users think_time for max_in_flight stages abort location steps",
		"step":        "model weight name",
		"alert":       "name match when expr for keep_firing_for severity labels annotations runbook_url notify",
		"match":       "name task model labels location severity",
		"receiver":    "name match webhook alertmanager slack pagerduty email msteams",
		"remotewrite": "name url auth",
		"webhook":     "url url_file secret_file format",
		"maintenance": "name schedule for match mute probe",
		"report":      "name schedule since format file webhook",
		"price":       "usd_per_mtok_input usd_per_mtok_output usd_per_hour",
	} {
		var got []string
		for key, property := range doc.Defs[name].Properties {
			got = append(got, key)
			if !strings.HasSuffix(property.Description, ".") {
				t.Errorf("%s.%s is described as %q, want a sentence", name, key, property.Description)
			}
		}
		want := strings.Fields(keys)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys of %s: -want +got\n%s", name, diff)
		}
	}
}
