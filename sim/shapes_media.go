package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"slices"
	"strings"
)

// mediaInputTasks are the tasks that take bytes.
func mediaInputTasks() []string {
	return []string{taskASR, taskAudioClass, taskImageClass, taskZeroShotImg, taskDetection, taskImageToText}
}

// mediaJob returns the job of a task that takes or gives media. data is the raw
// body, or nil where body is JSON with base64 inputs or a prompt.
func (x *exchange) mediaJob(data []byte, body map[string]any) (job, *problem) {
	if !slices.Contains(mediaInputTasks(), x.task) {
		return x.mediaOut(body)
	}
	if data == nil {
		text, _ := body["inputs"].(string)
		if fields := objectAt(body, "inputs"); text == "" {
			text, _ = fields["image"].(string)
		}
		var err error
		if data, err = base64.StdEncoding.DecodeString(text); err != nil || len(data) == 0 {
			return job{}, reject(http.StatusBadRequest, envList, "", "Error in `inputs`: want base64")
		}
	}
	if p := x.checkMagic(data); p != nil {
		return job{}, p
	}
	parameters := objectAt(body, "parameters")
	return job{chars: -1, tree: func() any { return x.aboutMedia(parameters, body) }}, nil
}

// checkMagic refuses bytes that are no image or no audio, in the words of
// hf-inference's recorded answers.
func (x *exchange) checkMagic(data []byte) *problem {
	magics, complaint := []string{"\x89PNG", "\xff\xd8\xff", "GIF8", "RIFF"}, "Error in `inputs`: Invalid image: {}"
	if x.task == taskASR || x.task == taskAudioClass {
		magics, complaint = []string{"fLaC", "RIFF", "ID3", "\xff\xfb", "OggS"}, "Error in `inputs`: Malformed soundfile"
	}
	for _, magic := range magics {
		if bytes.HasPrefix(data, []byte(magic)) {
			return nil
		}
	}
	return reject(http.StatusBadRequest, envList, "", "%s", complaint)
}

// aboutMedia is the answer of a task that takes media.
func (x *exchange) aboutMedia(parameters, body map[string]any) any {
	said := x.b.Text
	fill(&said, defaultText)
	switch x.task {
	case taskASR:
		if stamps := parameters["return_timestamps"]; stamps != nil && stamps != false {
			return object{{"text", said}, {"chunks", []any{object{{"text", said}, {"timestamp", []any{0.0, nil}}}}}}
		}
		return object{{"text", said}}
	case taskImageToText:
		return []any{object{{"generated_text", said}}}
	case taskDetection:
		box := object{{"xmin", 10}, {"ymin", 12}, {"xmax", 120}, {"ymax", 140}}
		return []any{object{{"score", 0.97}, {"label", x.b.Labels[len(x.b.Labels)-1]}, {"box", box}}}
	case taskZeroShotImg:
		labels, _, _ := texts(parameters["candidate_labels"])
		if len(labels) == 0 {
			labels, _, _ = texts(objectAt(body, "inputs")["candidate_labels"])
		}
		if len(labels) == 0 {
			labels = x.b.Labels
		}
		return labelled(classify("", labels))
	default:
		classes := classify("", x.b.Labels)
		return labelled(classes[:min(5, len(classes))])
	}
}

// mediaOut returns the job of a task that gives media for a prompt.
func (x *exchange) mediaOut(body map[string]any) (job, *problem) {
	prompt, ok := body["inputs"].(string)
	if !ok || prompt == "" {
		return job{}, reject(http.StatusBadRequest, envList, "", "Error in `inputs`: field required")
	}
	chars, tokens := measure(prompt)
	j := job{chars: chars, tokensIn: tokens}
	switch x.task {
	case taskTextToImage:
		j.binary = x.picture
	case taskTextToSpeech:
		j.binary = x.sound
	default:
		return job{}, reject(http.StatusBadRequest, envString, "", "task %s takes other inputs", x.task)
	}
	return j, nil
}

// badMediaShapes are the variants of bad_shape of an answer that is media.
func badMediaShapes() []string {
	return []string{"cut_media", "cut_head", "no_media", "empty_media", "other_media", "wrong_media_type"}
}

// badMedia returns media in the bad shape that variant names: cut in the middle
// or within the head, no media or none at all under the type of some, of the
// other kind, or under the type of another format.
func badMedia(variant, contentType string, body []byte) (string, []byte) {
	picture := strings.HasPrefix(contentType, "image/")
	switch variant {
	case "cut_media":
		return contentType, body[:len(body)/2]
	case "cut_head":
		return contentType, body[:min(len(body), 10)]
	case "no_media":
		return contentType, []byte("There was a problem.")
	case "empty_media":
		return contentType, nil
	case "other_media":
		if picture {
			return "audio/wav", silence()
		}
		return "image/png", pixel()
	case "wrong_media_type":
		if picture {
			return "image/webp", body
		}
		return "audio/ogg", body
	}
	return contentType, body
}

// pixel returns a PNG of one.
func pixel() []byte {
	var buf bytes.Buffer
	// A buffer takes whatever is written.
	_ = png.Encode(&buf, image.NewGray(image.Rect(0, 0, 1, 1)))
	return buf.Bytes()
}

// painted returns a small picture in a colour drawn by the seed.
func (x *exchange) painted() image.Image {
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48))
	paint := color.RGBA{R: uint8(x.rng.UintN(256)), G: uint8(x.rng.UintN(256)), B: uint8(x.rng.UintN(256)), A: 255}
	for i := range 64 * 48 {
		picture.SetRGBA(i%64, i/64, paint)
	}
	return picture
}

// jpeg returns it as JPEG.
func (x *exchange) jpeg() []byte {
	var buf bytes.Buffer
	// A buffer takes whatever is written.
	_ = jpeg.Encode(&buf, x.painted(), nil)
	return buf.Bytes()
}

// silence returns a quarter of a second of it as WAV: 8 kHz, one channel, 16
// bits.
func silence() []byte {
	const rate, bytesPerSample = 8000, 2
	data := make([]byte, rate/4*bytesPerSample)
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, uint32(36+len(data)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*bytesPerSample)
	b = binary.LittleEndian.AppendUint16(b, bytesPerSample)
	b = binary.LittleEndian.AppendUint16(b, 8*bytesPerSample)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}
