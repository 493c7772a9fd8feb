// Package task knows, for each task of the Hub, how a model is asked, what a
// stream's events mean and what an answer must look like: one file a task, each
// an implementation of probe.Task, and a few shared files.
//
// It refuses to touch the network, to decide about HTTP statuses and to name an
// error envelope's kind (package probe/hf does). Nothing here has state: every
// value is safe for concurrent use.
//
// Wire facts come from the official clients huggingface_hub and
// @huggingface/inference, from the sources of text-generation-inference,
// text-embeddings-inference and huggingface-inference-toolkit, and from the
// public task documentation at https://huggingface.co/docs/inference-providers.
package task

import "github.com/hfwatch/hfwatch/probe"

// Names returns the closed list of tasks, in the order in which they are
// documented.
func Names() []string {
	tasks := all()
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.Name()
	}
	return names
}

// ByName returns the task that bears the Hub's name, and whether there is one.
func ByName(name string) (probe.Task, bool) {
	for _, t := range all() {
		if t.Name() == name {
			return t, true
		}
	}
	return nil, false
}

// all returns every task.
func all() []probe.Task {
	return []probe.Task{
		textClassification{},
		zeroShot{},
		sequence{name: "summarization", key: "summary_text"},
		sequence{name: "translation", key: "translation_text"},
		featureExtraction{},
		sentenceSimilarity{},
		textGeneration{},
		chatCompletion{},
		questionAnswering{},
		tableQuestionAnswering{},
		fillMask{},
		tokenClassification{},
		textRanking{},
		speechRecognition{},
		mediaClassification{name: "audio-classification"},
		mediaClassification{name: "image-classification", picture: true},
		zeroShotImage{},
		objectDetection{},
		imageToText{},
		imageTextToText{},
		textToImage{},
		textToSpeech{},
		custom{},
	}
}

// Expects returns the keys of the configuration's `expect` that fit the task,
// or nil where there is no such task. A task ignores the others.
func Expects(name string) []string {
	switch name {
	case "text-classification", "zero-shot-classification", "audio-classification", "image-classification",
		"zero-shot-image-classification", "object-detection", "text-ranking":
		return []string{"label", "min_score", "json_schema", "equals"}
	case "token-classification", "fill-mask":
		return []string{"label", "min_score", "contains", "matches", "json_schema", "equals"}
	case "summarization", "translation", "text-generation", "chat-completion", "table-question-answering", "custom",
		"automatic-speech-recognition", "image-to-text", "image-text-to-text":
		return []string{"contains", "matches", "json_schema", "equals", "min_length", "max_length"}
	case "question-answering":
		return []string{"min_score", "contains", "matches", "json_schema", "equals", "min_length", "max_length"}
	case "feature-extraction":
		return []string{"dimension", "similar_to", "json_schema"}
	case "sentence-similarity":
		return []string{"min_score", "json_schema", "equals"}
	case "text-to-image", "text-to-speech":
		return []string{}
	default:
		return nil
	}
}

// Streams reports whether the task can be asked for an event stream.
func Streams(name string) bool {
	return name == "text-generation" || Chats(name) || name == "custom"
}

// Chats reports whether the task is asked as a chat, which is what the router's
// /v1 serves.
func Chats(name string) bool { return name == "chat-completion" || name == "image-text-to-text" }

// Media returns what kind of file is the task's input: "audio", "image", or
// nothing.
func Media(name string) string {
	switch name {
	case "automatic-speech-recognition", "audio-classification":
		return "audio"
	case "image-classification", "zero-shot-image-classification", "object-detection", "image-to-text", "image-text-to-text":
		return "image"
	default:
		return ""
	}
}
