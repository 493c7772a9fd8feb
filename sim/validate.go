package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The backends, the software that serves a model.
const (
	BackendHF       = "hf-inference"
	BackendTGI      = "tgi"
	BackendTEI      = "tei"
	BackendToolkit  = "toolkit"
	BackendVLLM     = "vllm"
	BackendSGLang   = "sglang"
	BackendLlama    = "llama.cpp"
	BackendProvider = "provider"
)

// The tasks by the Hub's names.
const (
	taskTextClass    = "text-classification"
	taskZeroShot     = "zero-shot-classification"
	taskSummary      = "summarization"
	taskTranslation  = "translation"
	taskFeatures     = "feature-extraction"
	taskSimilarity   = "sentence-similarity"
	taskGeneration   = "text-generation"
	taskChat         = "chat-completion"
	taskQA           = "question-answering"
	taskTableQA      = "table-question-answering"
	taskFillMask     = "fill-mask"
	taskTokenClass   = "token-classification"
	taskRanking      = "text-ranking"
	taskASR          = "automatic-speech-recognition"
	taskAudioClass   = "audio-classification"
	taskImageClass   = "image-classification"
	taskZeroShotImg  = "zero-shot-image-classification"
	taskDetection    = "object-detection"
	taskImageToText  = "image-to-text"
	taskTextToImage  = "text-to-image"
	taskTextToSpeech = "text-to-speech"
)

// Backends returns the names of all backends.
func Backends() []string {
	return []string{BackendHF, BackendTGI, BackendTEI, BackendToolkit, BackendVLLM, BackendSGLang, BackendLlama, BackendProvider}
}

// Tasks returns the tasks that backend can serve, by the Hub's names.
func Tasks(backend string) []string {
	pipelines := []string{
		taskTextClass, taskZeroShot, taskSummary, taskTranslation, taskFeatures, taskSimilarity,
		taskGeneration, taskQA, taskTableQA, taskFillMask, taskTokenClass, taskRanking, taskASR, taskAudioClass,
		taskImageClass, taskZeroShotImg, taskDetection, taskImageToText, taskTextToImage, taskTextToSpeech,
	}
	switch backend {
	case BackendHF:
		return append(pipelines, taskChat)
	case BackendToolkit:
		return pipelines
	case BackendTGI:
		return []string{taskGeneration, taskChat}
	case BackendTEI:
		return []string{taskFeatures, taskSimilarity, taskTextClass, taskRanking}
	case BackendVLLM, BackendSGLang, BackendLlama:
		return []string{taskChat, taskGeneration, taskFeatures}
	case BackendProvider:
		return []string{taskChat, taskGeneration, taskFeatures, taskTextToImage}
	default:
		return nil
	}
}

// Validate returns an error that names the path of the first thing that is
// wrong, or nil.
func (s Scenario) Validate() error {
	if len(s.Models) == 0 {
		return errors.New("models: want at least one")
	}
	seen := map[string]string{}
	for i, m := range s.Models {
		at := fmt.Sprintf("models[%d]", i)
		if err := m.validate(); err != nil {
			return fmt.Errorf("%s.%w", at, err)
		}
		keys := []string{"name " + m.Name}
		if p := m.provider(); p != "" {
			keys = append(keys, "model "+m.ID+" at provider "+p)
		}
		for _, host := range m.Hosts {
			keys = append(keys, "host "+host)
		}
		for _, key := range keys {
			if other, taken := seen[key]; taken {
				return fmt.Errorf("%s: %s is %s's already", at, key, other)
			}
			seen[key] = at
		}
	}
	if err := first(s.validateListeners(), s.Account.validate("account")); err != nil {
		return err
	}
	return s.validateTimeline()
}

// validateTimeline tries every step on the models as the steps before it left
// them.
func (s Scenario) validateTimeline() error {
	s = s.clone()
	for i, step := range s.Timeline {
		at := fmt.Sprintf("timeline[%d]", i)
		if i > 0 && step.At < s.Timeline[i-1].At {
			return fmt.Errorf("%s.at: is before the step before it", at)
		}
		if step.Account != nil {
			if err := step.Account.validate(at + ".account"); err != nil {
				return err
			}
		}
		if step.Listener != "" {
			if err := s.tryListener(step); err != nil {
				return fmt.Errorf("%s.%w", at, err)
			}
			continue
		}
		if step.Model == "" {
			if step.Account == nil {
				return fmt.Errorf("%s: changes nothing; want model or listener and set, or account", at)
			}
			if step.Set != nil {
				return fmt.Errorf("%s.set: wants a model or a listener", at)
			}
			continue
		}
		m := slices.IndexFunc(s.Models, func(m Model) bool { return m.Name == step.Model })
		if m < 0 {
			return fmt.Errorf("%s.model: there is no model named %q", at, step.Model)
		}
		if err := s.Models[m].merge(step.Set); err != nil {
			return fmt.Errorf("%s.%w", at, err)
		}
		if err := s.Models[m].validate(); err != nil {
			return fmt.Errorf("%s.set.%w", at, err)
		}
	}
	return nil
}

// tryListener applies a step to the listener that it names.
func (s Scenario) tryListener(step Step) error {
	if step.Model != "" {
		return errors.New("listener: has a step of its own, without a model")
	}
	l := slices.IndexFunc(s.Listeners, func(l Listener) bool { return l.Name == step.Listener })
	if l < 0 {
		return fmt.Errorf("listener: there is none named %q", step.Listener)
	}
	return s.Listeners[l].merge(step.Set)
}

// oneOf returns an error unless value is empty or one of allowed.
func oneOf(at, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is none of %s", at, value, strings.Join(allowed, ", "))
}

// within returns an error unless lowest <= value <= highest; NaN is neither.
func within[N int | int64 | float64](at string, value, lowest, highest N) error {
	if value >= lowest && value <= highest {
		return nil
	}
	return fmt.Errorf("%s: %v is not within %v to %v", at, value, lowest, highest)
}

// validate checks one model.
func (m Model) validate() error {
	if m.Name == "" || strings.ContainsAny(m.Name, "/?#% ") {
		return fmt.Errorf("name: %q is empty or has a character that a path cannot bear", m.Name)
	}
	if m.ID == "" || strings.Count(m.ID, "/") > 1 || strings.HasPrefix(m.ID, "/") || strings.HasSuffix(m.ID, "/") {
		return fmt.Errorf("model: %q is no id such as org/name", m.ID)
	}
	if !slices.Contains(Backends(), m.Backend) {
		return fmt.Errorf("backend: %q is none of %s", m.Backend, strings.Join(Backends(), ", "))
	}
	if len(m.Tasks) == 0 {
		return errors.New("tasks: want at least one")
	}
	for i, task := range m.Tasks {
		if !slices.Contains(Tasks(m.Backend), task) {
			return fmt.Errorf("tasks[%d]: %s cannot do %q; it can %s", i, m.Backend, task, strings.Join(Tasks(m.Backend), ", "))
		}
	}
	if err := m.validateProvider(); err != nil {
		return err
	}
	return m.Behaviour.validate()
}

// validateProvider checks where the router has m.
func (m Model) validateProvider() error {
	if m.Backend == BackendProvider && (m.Provider == "" || m.Provider == BackendHF) {
		return errors.New("provider: backend provider wants the provider's name")
	}
	if m.Backend == BackendHF && m.Provider != "" && m.Provider != BackendHF {
		return errors.New("provider: backend hf-inference has provider hf-inference")
	}
	if strings.ContainsAny(m.Provider, "/:") || m.Provider == "e" || m.Provider == "v1" || m.Provider == "api" || m.Provider == "files" || m.Provider == providerHub || m.Provider == "_sim" {
		return fmt.Errorf("provider: %q cannot be the first part of a path", m.Provider)
	}
	return nil
}

// validate checks a behaviour.
func (b Behaviour) validate() error {
	return first(
		oneOf("shape", b.Shape, "legacy", "new", BackendTEI, BackendToolkit, BackendProvider),
		oneOf("media", b.Media, mediaFormats()...),
		oneOf("overflow", b.Overflow, "reject", "queue"),
		oneOf("cache", b.Cache, "on", "off", "stubborn", "any"),
		oneOf("health", b.Health, "ok", "unhealthy", "hang"),
		within("permits", b.Permits, 0, 1_000_000),
		within("queue_limit", b.QueueLimit, 0, 1_000_000),
		within("tokens", b.Tokens, 0, 100_000),
		within("dimension", b.Dimension, 0, 65_536),
		within("context", b.Context, 0, 10_000_000),
		within("weight", b.Weight, 0.0, 1e6),
		b.SSE.validate(), b.Latency.validate(), b.Cold.validate(), b.Fault.validate("fault"), b.validateLabels(), b.validateLimit(), b.Listing.validate(),
		validateHeaders("headers", b.Headers),
	)
}

// validateLabels wants none or at least two labels.
func (b Behaviour) validateLabels() error {
	if len(b.Labels) == 1 {
		return errors.New("labels: want at least two")
	}
	return nil
}

// validateLimit checks a rate limit, where there is one.
func (b Behaviour) validateLimit() error {
	if b.RateLimit == nil {
		return nil
	}
	return b.RateLimit.validate("rate_limit")
}

// first returns the first error of errs, or nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// validate checks a latency model.
func (l Latency) validate() error {
	for _, d := range []Duration{l.Prefill, l.PerToken, l.PrefillPerToken} {
		if d < 0 {
			return errors.New("latency: a duration is negative")
		}
	}
	if l.Jitter == "" && l.Spread != 0 {
		return errors.New("latency.spread: wants a jitter")
	}
	if math.IsNaN(l.Load) {
		return errors.New("latency.load: is no number")
	}
	return first(
		oneOf("latency.jitter", l.Jitter, "uniform", "normal", "lognormal"),
		within("latency.spread", l.Spread, 0.0, 3.0),
		within("latency.load", l.Load, 0.0, 1000.0),
	)
}

// validate checks what is wrong with an account.
func (a Account) validate(at string) error {
	for i, f := range a.Faults {
		path := fmt.Sprintf("%s.faults[%d]", at, i)
		if f.Fault.Kind == "" {
			return fmt.Errorf("%s.fault.kind: is missing", path)
		}
		if err := f.Fault.validate(path + ".fault"); err != nil {
			return err
		}
		if class := kindNamed(f.Fault.Kind).Class; class != ClassStatus && class != ClassConnection {
			return fmt.Errorf("%s.fault.kind: %q is no fault of an account", path, f.Fault.Kind)
		}
	}
	return a.validateLimits(at)
}

// provider returns the name under which the router has m, or "".
func (m Model) provider() string {
	if m.Provider == "" && m.Backend == BackendHF {
		return BackendHF
	}
	return m.Provider
}

// providerModel returns the provider's own id for m.
func (m Model) providerModel() string {
	if m.ProviderModel != "" {
		return m.ProviderModel
	}
	return m.ID
}

// effective returns m's behaviour with the defaults of its backend filled in.
func (m Model) effective() Behaviour {
	b := m.Behaviour
	fill(&b.Permits, map[string]int{BackendTGI: 128, BackendTEI: 512, BackendToolkit: 1}[m.Backend], 256)
	fill(&b.QueueLimit, 1000)
	fill(&b.Dimension, 384)
	fill(&b.Context, 4096)
	fill(&b.ServedBy, m.provider())
	fill(&b.Health, "ok")
	fill(&b.SHA, fakeSHA(m.ID))
	if len(b.Labels) == 0 {
		b.Labels = []string{"NEGATIVE", "POSITIVE"}
	}
	switch m.Backend {
	case BackendTGI, BackendTEI:
		fill(&b.Overflow, "reject")
	default:
		fill(&b.Overflow, "queue")
	}
	fill(&b.Shape, map[string]string{
		BackendTEI: BackendTEI, BackendToolkit: BackendToolkit, BackendProvider: BackendProvider, BackendVLLM: BackendProvider,
		BackendSGLang: BackendProvider, BackendLlama: BackendProvider,
	}[m.Backend], "legacy")
	if m.Backend == BackendHF {
		fill(&b.Cache, "on")
	}
	fill(&b.Cache, "off")
	b.SSE = b.SSE.effective(m.Backend)
	return b
}

// fill sets a zero value to the first of values that is not zero.
func fill[T comparable](p *T, values ...T) {
	var zero T
	for _, v := range values {
		if *p == zero {
			*p = v
		}
	}
}
