package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
)

// mediaRules judge an answer that is a file, or JSON that holds or names some.
type mediaRules struct {
	picture bool
	// keys are those under which providers put files, in the order of preference.
	keys []string
}

// noun is what the file should be.
func (r mediaRules) noun() string {
	if r.picture {
		return "picture"
	}
	return "sound"
}

// check judges an answer.
func (r mediaRules) check(ask probe.Ask, a probe.Answer) probe.Verdict {
	trimmed := bytes.TrimSpace(a.Body)
	isJSON := len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[' || trimmed[0] == '"')
	if a.Streamed || len(trimmed) == 0 || trimmed[0] == '<' || isJSON && json.Valid(trimmed) || isJSON && typeOf(a) == typeJSON {
		value, bad := decode(a)
		if bad != nil {
			if bad.Outcome == probe.InvalidOutput {
				bad.Reason = strings.Replace(bad.Reason, ", want JSON", ", want a "+r.noun(), 1)
			}
			return *bad
		}
		return r.answer(ask, value)
	}
	shape, info, bad := r.file(a.Body)
	if bad != nil {
		return *bad
	}
	v := good(shape)
	switch said := typeOf(a); {
	case said == "" || said == "application/octet-stream" || strings.HasSuffix(said, "/*"):
		v.Warnings = append(v.Warnings, "the header does not say that the body is a "+info.String())
	case formatOf(said) != info.Format:
		return reject(shape, breaks("the header says %s, and the body is a %s", quote(said), info))
	}
	r.asked(ask, info, &v)
	return v
}

// asked warns where a picture has another size than was asked for.
func (r mediaRules) asked(ask probe.Ask, info media.Info, v *probe.Verdict) {
	p := lenient(ask.Parameters)
	width, hasWidth := p.whole("width")
	height, hasHeight := p.whole("height")
	if r.picture && (hasWidth && width != info.Width || hasHeight && height != info.Height) {
		v.Warnings = append(v.Warnings, "the answer is a "+info.String()+", which is not the size that was asked for")
	}
}

// file judges the bytes of a file.
func (r mediaRules) file(data []byte) (shape string, info media.Info, bad *probe.Verdict) {
	info, err := media.Read(data)
	if info.Format != "" {
		shape = "bytes<" + string(info.Format) + ">"
	}
	switch {
	case err != nil:
		v := reject(shape, breaks("a broken %s: %v", r.noun(), err))
		if info.Format == "" {
			v = reject("", breaks("no %s: it %v", r.noun(), err))
		} else if errors.Is(err, media.ErrCut) {
			v.Outcome = probe.Truncated
		}
		return shape, info, &v
	case info.Format.Image() != r.picture:
		v := reject(shape, breaks("a %s, want a %s", info, r.noun()))
		return shape, info, &v
	}
	return shape, info, nil
}

// typeOf returns the media type of an answer in lower case, without parameters.
func typeOf(a probe.Answer) string {
	said, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		said, _, _ = strings.Cut(a.Header.Get("Content-Type"), ";")
	}
	return strings.ToLower(strings.TrimSpace(said))
}

// formatOf returns the format of a media type in any of its spellings.
func formatOf(said string) media.Format {
	switch said {
	case "image/jpg", "image/pjpeg":
		return media.JPEG
	case "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav":
		return media.WAV
	case "audio/mp3", "audio/mpeg3", "audio/x-mpeg-3", "audio/x-mp3":
		return media.MP3
	case "audio/x-flac":
		return media.FLAC
	case "application/ogg", "audio/opus", "audio/vorbis":
		return media.Ogg
	}
	for _, f := range media.Formats() {
		if f.Type() == said {
			return f
		}
	}
	return ""
}

// answer judges a provider's JSON: files in base64 or behind links, one or in a
// list, under any of its keys.
func (r mediaRules) answer(ask probe.Ask, value any) probe.Verdict {
	o, bad := object(value)
	if bad != nil {
		return reject("", breaks("%s, want a %s, or an object that holds one", kind(value), r.noun()))
	}
	switch status, _ := o["status"].(string); status {
	case "failed", "canceled", "cancelled", "error":
		return reject("obj{status}", breaks("%s: the provider gave up", quote(status)).in(".status"))
	case "starting", "processing", "queued", "pending", "IN_QUEUE", "IN_PROGRESS":
		return reject("obj{status}", breaks("%s: the answer holds no %s yet", quote(status), r.noun()).in(".status"))
	}
	for _, key := range r.keys {
		found, given := o[key]
		if !given || found == nil {
			continue
		}
		items, isList := found.([]any)
		if !isList {
			items = []any{found}
		}
		v := good("obj{" + key + "}")
		if len(items) == 0 {
			return reject(v.Shape, breaks("an empty list, want at least one %s", r.noun()).in("."+key))
		}
		for i, item := range items {
			bad := r.item(ask, item, &v)
			if bad != nil && isList {
				bad = bad.at(i)
			}
			if bad != nil {
				v.Outcome, v.Reason = probe.InvalidOutput, bad.in("."+key).String()
				return v
			}
		}
		return v
	}
	return reject("", breaks("an object with none of %s", strings.Join(r.keys, ", ")))
}

// item judges one file of a provider's answer: a link, a data: URL, base64, or
// an object with one of these.
func (r mediaRules) item(ask probe.Ask, item any, v *probe.Verdict) *fault {
	if o, isObject := item.(map[string]any); isObject {
		for _, key := range []string{"b64_json", "url", "data", "content"} {
			if o[key] != nil {
				return r.item(ask, o[key], v).in("." + key)
			}
		}
		return breaks("an object with neither a link nor base64")
	}
	s, isText := item.(string)
	switch {
	case !isText:
		return breaks("%s, want a link or base64", kind(item))
	case s == "":
		return breaks("empty")
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://"):
		v.Warnings = append(v.Warnings, "the "+r.noun()+" stands behind a link, which was not fetched")
		return nil
	}
	data, err := fromBase64(s)
	if err != nil {
		return breaks("neither a link nor base64: %s", quote(clip(s, 40)))
	}
	_, info, bad := r.file(data)
	if bad != nil {
		return breaks("%s", strings.TrimPrefix(bad.Reason, "the answer: "))
	}
	r.asked(ask, info, v)
	return nil
}
