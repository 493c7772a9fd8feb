package draft

import (
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe/task"
)

// taskOf returns what a model is to be asked for, and whether that was guessed
// from its id. What it does for the provider counts more than its tag: a model
// for generation is mostly served as a chat.
func taskOf(f Facts) (name string, guessed bool) {
	if f.Task != "" {
		return f.Task, false
	}
	chats := len(f.Offers) > 0 || slices.ContainsFunc(f.Hub.Providers, isChat)
	images := f.Images || f.Hub.Task == "image-text-to-text"
	switch {
	case chats && images:
		return "image-text-to-text", false
	case chats:
		return "chat-completion", false
	}
	for _, m := range f.Hub.Providers {
		if m.Provider == "hf-inference" && slices.Contains(task.Names(), m.Task) {
			return m.Task, false
		}
	}
	if f.Hub.Task != "" {
		return f.Hub.Task, false
	}
	if f.HubErr == nil {
		return "", false
	}
	return guess(f.ID), true
}

// guess tells the task by the id of a model, as far as ids are telling; empty
// where this one is not.
func guess(id string) string {
	id = strings.ToLower(id)
	for _, row := range []struct {
		task  string
		signs []string
	}{
		{"text-ranking", []string{"rerank", "ms-marco", "cross-encoder"}},
		{"feature-extraction", []string{"sentence-transformers/", "embed", "minilm", "bge-", "/e5-", "gte-"}},
		{"automatic-speech-recognition", []string{"whisper", "wav2vec", "parakeet", "asr"}},
		{"text-to-speech", []string{"tts", "bark", "kokoro", "speecht5"}},
		{"audio-classification", []string{"audioset", "hubert", "emotion-recognition"}},
		{"text-to-image", []string{"flux", "stable-diffusion", "sdxl", "text-to-image"}},
		{"zero-shot-image-classification", []string{"clip-vit", "/clip", "siglip"}},
		{"object-detection", []string{"detr", "yolo"}},
		{"image-to-text", []string{"blip", "captioning", "trocr"}},
		{"image-text-to-text", []string{"-vl-", "-vl", "vision-instruct", "llava", "pixtral"}},
		{"image-classification", []string{"/vit-", "resnet", "convnext", "mobilenet"}},
		{"zero-shot-classification", []string{"mnli", "zeroshot", "zero-shot"}},
		{"table-question-answering", []string{"tapas", "tapex", "wtq"}},
		{"question-answering", []string{"squad"}},
		{"token-classification", []string{"-ner", "conll", "ner-", "pos-"}},
		{"summarization", []string{"-cnn", "xsum", "summar", "pegasus"}},
		{"translation", []string{"opus-mt", "nllb", "translation"}},
		{"text-classification", []string{"sst-2", "sst2", "sentiment", "toxic", "finbert", "emotion"}},
		{"chat-completion", []string{"instruct", "-chat", "-it", "gpt-oss", "deepseek", "qwen3", "llama", "mistral", "mixtral", "glm-", "kimi", "minimax", "command-"}},
		{"fill-mask", []string{"bert-base", "bert-large", "roberta", "distilbert", "modernbert"}},
	} {
		for _, sign := range row.signs {
			if strings.Contains(id, sign) {
				return row.task
			}
		}
	}
	return ""
}

// isChat reports whether a provider serves a model as a chat.
func isChat(m hub.Mapping) bool { return m.Task == "conversational" }
