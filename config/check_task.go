package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// taskNames returns the tasks of the Hub that a file may name.
func taskNames() []string { return task.Names() }

// tasks checks the task and the stream.
func (m *modelCheck) tasks() {
	m.task = m.raw.Task
	at := m.raw.at("task")
	t, ok := m.opts.Task(m.task)
	switch {
	case !m.raw.has("task"):
		m.problem(at, "is missing", "write the task by the Hub's name, such as text-classification or chat-completion")
	case ok:
		m.target.Task = t
	case slices.Contains(taskNames(), m.task):
		m.problem(at, "not available yet: the task "+m.task, "remove the model")
	case m.task != "":
		m.problem(at, "there is no task "+quote(m.task), meant(m.task, m.knownTasks()))
	}
	if m.target.Task == nil {
		m.target.Task = noTask(m.task)
	}
	if m.raw.Stream && ok && !task.Streams(m.task) {
		m.problem(m.raw.at("stream"), "the task "+m.task+" has no stream", "remove stream")
	}
}

// knownTasks returns the tasks that the program has.
func (m *modelCheck) knownTasks() []string {
	return slices.DeleteFunc(taskNames(), func(name string) bool {
		_, ok := m.opts.Task(name)
		return !ok
	})
}

// noTask stands for a task that is not known, until the problem is reported.
type noTask string

// Name returns the name as written.
func (t noTask) Name() string { return string(t) }

// Build returns an error.
func (t noTask) Build(probe.Ask) (probe.Request, error) {
	return probe.Request{}, fmt.Errorf("there is no task %q", string(t))
}

// Event returns an event that says nothing.
func (noTask) Event([]byte, probe.Progress) probe.Event { return probe.Event{Malformed: true} }

// Check returns that nothing is known.
func (noTask) Check(probe.Ask, probe.Answer) probe.Verdict {
	return probe.Verdict{Outcome: probe.Internal}
}

// generates reports whether the task makes long answers or media, for which
// more time is allowed.
func generates(name string) bool {
	return slices.Contains([]string{
		"text-generation", "chat-completion", "image-text-to-text", "text-to-image", "text-to-speech",
		"automatic-speech-recognition", "image-to-text",
	}, name)
}

// reasons reports whether a model is known to think before it answers, by what
// its id says.
func reasons(model string) bool {
	id := strings.ToLower(model)
	if strings.Contains(id, "instruct") {
		return false
	}
	return slices.ContainsFunc([]string{
		"deepseek-r1", "qwq", "qwen3-", "gpt-oss", "magistral", "thinking", "reasoning", "reasoner",
		"glm-4.5", "glm-4.6", "minimax-m1", "minimax-m2", "exaone-deep", "openreasoning", "smollm3",
	}, func(part string) bool { return strings.Contains(id, part) })
}
