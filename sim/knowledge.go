package sim

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
)

// words returns the words of s in lower case, without punctuation.
func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// embed returns the unit vector of text: the sum of one vector for each of its
// words, so that texts with words in common are near each other. Values are
// those of 32-bit floats.
func embed(text string, dimension int) []float64 {
	all := words(text)
	if len(all) == 0 {
		all = []string{""}
	}
	v := make([]float64, dimension)
	for _, w := range all {
		rng := rand.New(rand.NewPCG(hash64(w), uint64(dimension)))
		for i := range v {
			v[i] += rng.NormFloat64()
		}
	}
	norm := math.Sqrt(dot(v, v))
	for i := range v {
		v[i] = float64(float32(v[i] / norm))
	}
	return v
}

// dot returns the inner product of a and b.
func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// similarity returns the cosine of two texts, within -1 to 1, as a 32-bit float.
func similarity(a, b string) float64 {
	return max(-1, min(1, float64(float32(dot(embed(a, 64), embed(b, 64))))))
}

// sentiment returns how many more good words than bad ones text has.
func sentiment(text string) float64 {
	good := []string{"love", "adore", "like", "great", "good", "best", "happy", "excellent", "wonderful", "nice", "amazing", "fantastic", "perfect"}
	bad := []string{"hate", "bad", "worst", "terrible", "awful", "sad", "angry", "horrible", "poor", "broken", "boring", "disappointing", "useless"}
	sum := 0.0
	for _, w := range words(text) {
		if slices.Contains(good, w) {
			sum++
		}
		if slices.Contains(bad, w) {
			sum--
		}
	}
	return sum
}

// scored is a label and its score.
type scored struct {
	label string
	score float64
}

// classify returns labels with their probabilities, the likeliest first: those
// whose words stand in text, those near it, and for sentiment those that its
// words speak for.
func classify(text string, labels []string) []scored {
	mood := sentiment(text)
	all := make([]scored, len(labels))
	sum := 0.0
	for i, label := range labels {
		logit := 4*similarity(text, label) + float64(hash64(label)%100)/400
		name := strings.ToLower(label)
		switch {
		case strings.HasPrefix(name, "pos") || name == "label_1":
			logit += 4 * mood
		case strings.HasPrefix(name, "neg") || name == "label_0":
			logit -= 4 * mood
		}
		if strings.Contains(strings.ToLower(text), name) {
			logit += 4
		}
		all[i] = scored{label, math.Exp(max(-40, min(40, logit)))}
		sum += all[i].score
	}
	for i := range all {
		all[i].score /= sum
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return all
}

// span is a piece of a text, by characters.
type span struct {
	text       string
	start, end int
}

// wordSpans returns the words of text with their places.
func wordSpans(text string) []span {
	var all []span
	runes := []rune(text)
	for i := 0; i < len(runes); {
		if !unicode.IsLetter(runes[i]) && !unicode.IsDigit(runes[i]) {
			i++
			continue
		}
		j := i
		for j < len(runes) && (unicode.IsLetter(runes[j]) || unicode.IsDigit(runes[j])) {
			j++
		}
		all = append(all, span{string(runes[i:j]), i, j})
		i = j
	}
	return all
}

// answerIn returns the word of context that answers question best: a name or a
// number that the question does not have, the last one; else the last word.
func answerIn(question, context string) span {
	asked := words(question)
	var best span
	for i, w := range wordSpans(context) {
		named := i > 0 && (unicode.IsUpper([]rune(w.text)[0]) || unicode.IsDigit([]rune(w.text)[0]))
		if named && !slices.Contains(asked, strings.ToLower(w.text)) {
			best = w
		}
	}
	if all := wordSpans(context); best.text == "" && len(all) > 0 {
		best = all[len(all)-1]
	}
	return best
}

// entity is a named thing in a text.
type entity struct {
	span
	group string
}

// entities returns the runs of capitalised words of text that do not merely
// begin a sentence, and what each is.
func entities(text string) []entity {
	places := []string{"Berlin", "Paris", "London", "Germany", "France", "York", "Europe"}
	groups := []string{"Google", "Microsoft", "Hugging", "Face", "Apple", "Inc", "Corp"}
	ignored := []string{"My", "I", "The", "A", "He", "She", "It", "We", "You", "In", "On"}
	runes := []rune(text)
	var all []entity
	for _, w := range wordSpans(text) {
		if !unicode.IsUpper([]rune(w.text)[0]) || slices.Contains(ignored, w.text) {
			continue
		}
		group := "PER"
		switch {
		case slices.Contains(places, w.text):
			group = "LOC"
		case slices.Contains(groups, w.text):
			group = "ORG"
		}
		if n := len(all); n > 0 && all[n-1].end+1 == w.start && runes[all[n-1].end] == ' ' && all[n-1].group == group {
			all[n-1].end = w.end
			all[n-1].text = string(runes[all[n-1].start:w.end])
			continue
		}
		all = append(all, entity{w, group})
	}
	return all
}

// summarise returns the first words of text.
func summarise(text string) string {
	fields := strings.Fields(text)
	return strings.TrimRight(strings.Join(fields[:min(len(fields), 12)], " "), ",;: .") + "."
}

// translate returns what stands for a translation of text: nothing real, but
// never empty and never the text itself.
func translate(text string) string {
	fields := strings.Fields(text)
	slices.Reverse(fields)
	return "« " + strings.Join(fields, " ") + " »"
}
