package hf

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// envelope is what an answer says of itself in words.
type envelope struct {
	// message is the text for people, as sent.
	message string
	// words is everything that the answer says, lower case, without addresses,
	// as words with one space around each: see normalize.
	words string
	// kind and code are the machine's names, such as "overloaded" or
	// "model_not_supported", normalized; empty where there are none.
	kind, code string
	// estimate is the estimated_time of a loading model; negative where none.
	estimate float64
	html     bool
	// inError is true for an object with an error that is not empty.
	inError bool
}

// textKeys are the keys whose values speak of the error. Other keys are not
// read: FastAPI, for one, repeats the input that it complains of.
func textKey(key string) bool {
	switch strings.ToLower(key) {
	case "error", "errors", "message", "msg", "detail", "details", "description", "error_description",
		"error_message", "error_type", "type", "code", "reason", "title", "status", "warnings", "cause":
		return true
	}
	return false
}

// maxDepth bounds how deep an error is searched for words.
const maxDepth = 6

// readEnvelope reads every form of error that is known: a string, a list or
// an object under "error", TGI's and TEI's error_type, OpenAI's and TEI's
// objects, FastAPI's detail, plain text, HTML, and the Hub's headers.
func readEnvelope(h http.Header, body []byte) envelope {
	e := envelope{estimate: -1}
	body = bytes.TrimSpace(body)
	var said []string
	for _, name := range []string{"X-Error-Code", "X-Error-Message"} {
		if v := h.Get(name); v != "" {
			said = append(said, v)
		}
	}
	var value any
	switch {
	case isHTML(h, body):
		e.html = true
		e.message = title(body)
		said = append(said, e.message)
	case len(body) > 0 && (body[0] == '{' || body[0] == '[' || body[0] == '"') && json.Unmarshal(body, &value) == nil:
		e.readJSON(value)
		said = collect(said, value, 0)
	default:
		e.message = string(body)
		said = append(said, e.message)
	}
	if e.message == "" {
		e.message = strings.Join(said, ": ")
	}
	var words strings.Builder
	for _, text := range said {
		// Two spaces between texts keep a phrase from being found across them.
		words.WriteString(normalize(text))
	}
	e.words = words.String()
	return e
}

// readJSON takes the parts that have a meaning of their own.
func (e *envelope) readJSON(value any) {
	object, ok := value.(map[string]any)
	if !ok {
		if list, isList := value.([]any); isList && len(list) == 1 {
			e.readJSON(list[0])
		} else if text, isText := value.(string); isText {
			e.message = text
		}
		return
	}
	if seconds, ok := object["estimated_time"].(float64); ok && seconds >= 0 {
		e.estimate = seconds
	}
	inner := object
	// SGLang's form, and vLLM's until 2025, has no key of an error.
	e.inError = object["object"] == "error" && !empty(object["message"])
	if err, has := object["error"]; has && !empty(err) {
		e.inError = true
		if nested, ok := err.(map[string]any); ok {
			inner = nested
		}
	}
	e.kind = machineName(object["error_type"], inner["error_type"], inner["type"])
	e.code = machineName(inner["code"], object["code"])
	e.message = strings.Join(collect(nil, firstOf(object, "error", "message", "detail", "errors"), 0), ": ")
	if warnings := collect(nil, object["warnings"], 0); len(warnings) > 0 {
		e.message += " (" + strings.Join(warnings, "; ") + ")"
	}
}

// firstOf returns the first of the keys that object holds something under.
func firstOf(object map[string]any, keys ...string) any {
	for _, key := range keys {
		if v := object[key]; !empty(v) {
			return v
		}
	}
	return nil
}

// machineName returns the first value that is a name or a whole number,
// normalized without the spaces around.
func machineName(values ...any) string {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			if name := strings.TrimSpace(normalize(v)); name != "" {
				return name
			}
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return ""
}

// empty reports that v says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// collect appends the texts in v: all strings of a list, and of an object
// those under keys that speak of the error, in the order of the keys.
func collect(said []string, v any, depth int) []string {
	if depth > maxDepth {
		return said
	}
	switch v := v.(type) {
	case string:
		return append(said, v)
	case []any:
		for _, item := range v {
			said = collect(said, item, depth+1)
		}
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			if textKey(key) {
				keys = append(keys, key)
			}
		}
		// The message first, since what is read by people is cut at its end.
		slices.SortFunc(keys, func(a, b string) int {
			if (a == "message") != (b == "message") {
				if a == "message" {
					return -1
				}
				return 1
			}
			return strings.Compare(a, b)
		})
		for _, key := range keys {
			said = collect(said, v[key], depth+1)
		}
	}
	return said
}

// isHTML reports that body is a page for people.
func isHTML(h http.Header, body []byte) bool {
	head := bytes.ToLower(body[:min(len(body), 256)])
	if bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) {
		return true
	}
	return len(head) > 0 && head[0] == '<' && strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "text/html")
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.{0,200}?)</title>`)

// title returns a page's title, or that it is one.
func title(page []byte) string {
	if m := titleTag.FindSubmatch(page); m != nil {
		return strings.Join(strings.Fields(string(m[1])), " ")
	}
	return "an HTML page"
}

var webAddress = regexp.MustCompile(`https?://[^\s"'<>]+`)

// normalize returns text as lower-case words of letters and digits with one
// space before and after each, so that " rate limit " is found in "Rate-limit:"
// and not in "corporate limits". Web addresses are left out: the way to a
// page about billing says nothing about the cause.
func normalize(text string) string {
	text = webAddress.ReplaceAllString(text, " ")
	out := make([]byte, 1, len(text)+2)
	out[0] = ' '
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'A' && c <= 'Z':
			out = append(out, c+'a'-'A')
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80:
			out = append(out, c)
		case c == '\'':
			// "isn't" is one word.
		default:
			if out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		}
	}
	if out[len(out)-1] != ' ' {
		out = append(out, ' ')
	}
	return string(out)
}

// saysOnly reports that the message for people is text and nothing else.
func (e envelope) saysOnly(texts ...string) bool {
	return slices.Contains(texts, strings.TrimSpace(normalize(e.message)))
}

// has reports that words holds one of the phrases, each given without the
// spaces around it.
func has(words string, phrases ...string) bool {
	for _, phrase := range phrases {
		if strings.Contains(words, " "+phrase+" ") {
			return true
		}
	}
	return false
}
