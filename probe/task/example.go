package task

import (
	"encoding/base64"
	"encoding/json"

	"github.com/hfwatch/hfwatch/probe/media"
)

// Example returns inputs that fit the task, of which any model of it can make
// something, or nil where there is no such task. For the zero-shot tasks
// ExampleParameters are needed too.
func Example(name string) []json.RawMessage {
	switch Media(name) {
	case "audio":
		return []json.RawMessage{encode(base64.StdEncoding.EncodeToString(media.SampleSound()))}
	case "image":
		return []json.RawMessage{encode(base64.StdEncoding.EncodeToString(media.SamplePicture(media.PNG)))}
	}
	var raw []json.RawMessage
	for _, in := range exampleTexts(name) {
		raw = append(raw, json.RawMessage(in))
	}
	return raw
}

// exampleTexts returns the inputs of a task that takes no file.
func exampleTexts(name string) (inputs []string) {
	switch name {
	case "text-classification":
		inputs = []string{`"The new kettle boils fast and looks lovely."`, `"The lid broke on the second day and nobody answers my letters."`}
	case "zero-shot-classification":
		inputs = []string{`"My parcel has been at the depot for a week and the tracking page is blank."`, `"I was charged twice for one order."`}
	case "summarization":
		inputs = []string{`"The harbour was dug in 1843 to shelter the herring fleet. For sixty years it was the busiest on that coast, with boats moored four deep on a Saturday night. The herring left in the 1920s, and the town turned to building yachts. Today three yards remain, the old ice house is a museum, and the breakwater, which a storm broke open in 1953, has been rebuilt in granite at twice its former height."`}
	case "translation":
		inputs = []string{`"The ferry leaves at seven in the morning."`, `"Where can I buy fresh bread near the station?"`}
	case "feature-extraction":
		inputs = []string{`"A lighthouse keeper writes down the weather every evening."`, `"Fresh bread is sold at the station."`}
	case "sentence-similarity":
		inputs = []string{`{"source_sentence": "The ferry leaves at seven.", "sentences": ["The boat departs at seven o'clock.", "Fresh bread is sold at the station."]}`}
	case "text-generation":
		inputs = []string{`"The lighthouse keeper climbed the stairs and"`, `"Monday, Tuesday, Wednesday,"`}
	case "chat-completion":
		inputs = []string{`"Name three primary colours, separated by commas."`, `"What is seven times six? Answer with the number alone."`}
	case "question-answering":
		inputs = []string{`{"question": "When was the harbour dug?", "context": "The harbour was dug in 1843 to shelter the herring fleet."}`}
	case "table-question-answering":
		inputs = []string{`{"query": "Which harbour has the most boats?", "table": {"Harbour": ["Northwick", "Seaham Bay", "Orford"], "Boats": ["12", "48", "31"]}}`}
	case "fill-mask":
		inputs = []string{`"The ferry leaves from the [MASK] at seven in the morning."`}
	case "token-classification":
		inputs = []string{`"Anna Schmidt took the train from Hamburg to Copenhagen to work for Maersk."`}
	case "text-ranking":
		inputs = []string{`{"query": "When does the ferry leave?", "texts": ["The boat departs at seven o'clock.", "Fresh bread is sold at the station."]}`}
	case "text-to-image":
		inputs = []string{`"A small boat with a white sail on a calm sea, in the morning."`}
	case "text-to-speech":
		inputs = []string{`"The ferry leaves at seven in the morning."`}
	case "custom":
		inputs = []string{`{"inputs": "The ferry leaves at seven in the morning."}`}
	}
	return inputs
}

// ExampleParameters returns the parameters without which the task's Example
// cannot be asked, or nil where none are needed.
func ExampleParameters(name string) json.RawMessage {
	switch name {
	case "zero-shot-classification":
		return json.RawMessage(`{"candidate_labels": ["delivery", "payment", "other"]}`)
	case "zero-shot-image-classification":
		return json.RawMessage(`{"candidate_labels": ["a boat", "a cat", "a house"]}`)
	default:
		return nil
	}
}
