package task_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// judged is an answer and what became of it.
type judged struct {
	task, why string
	verdict   probe.Verdict
}

// rulebook gathers the verdicts on every answer of every table.
type rulebook struct{ all []judged }

// check judges an answer, and writes it down.
func (b *rulebook) check(tk probe.Task, why string, ask probe.Ask, a probe.Answer) probe.Verdict {
	v := tk.Check(ask, a)
	b.all = append(b.all, judged{tk.Name(), why, v})
	return v
}

// TestEveryRule judges good and bad answers of every task, table by table, and
// then holds the tables to be complete: each rule has its rows, and each sentence
// that a checker can say has been said.
func TestEveryRule(t *testing.T) {
	var b rulebook
	for _, table := range []struct {
		name  string
		judge func(*testing.T, *rulebook)
	}{
		{"no answer", bodiesThatAreNoAnswerRules},
		{"tolerated", bodiesThatAreToleratedRules},
		{"text-classification", textClassificationRules},
		{"zero-shot-classification", zeroShotRules},
		{"summarization and translation", summarizationAndTranslationRules},
		{"feature-extraction", featureExtractionRules},
		{"sentence-similarity", sentenceSimilarityRules},
		{"text-generation", textGenerationRules},
		{"text-generation streamed", generationStreamsRules},
		{"chat-completion", chatCompletionRules},
		{"chat-completion streamed", chatStreamsRules},
		{"chat-completion not kept", streamsThatWereNotKeptRules},
		{"tools", toolsRules},
		{"response format", responseFormatRules},
		{"offers in streams", offeredInStreamsRules},
		{"responses", responsesRules},
		{"question-answering", questionAnsweringRules},
		{"table-question-answering", tableQuestionAnsweringRules},
		{"fill-mask", fillMaskRules},
		{"token-classification", tokenClassificationRules},
		{"text-ranking", textRankingRules},
		{"automatic-speech-recognition", speechRecognitionRules},
		{"audio and image classification", mediaClassificationRules},
		{"zero-shot-image-classification", zeroShotImageRules},
		{"object-detection", objectDetectionRules},
		{"image-to-text", imageToTextRules},
		{"image-text-to-text", imageTextToTextRules},
		{"pictures and sounds", mediaAnswersRules},
		{"custom", customRules},
		{"custom streamed", customStreamsRules},
	} {
		t.Run(table.name, func(t *testing.T) { table.judge(t, &b) })
	}
	t.Run("complete", func(t *testing.T) {
		b.rulesHaveRows(t)
		b.sentencesAreSaid(t)
	})
}

// rule is one rule of the wire, and the answers of its table that keep it and
// that break it.
type rule struct {
	task, says string
	good, bad  []string
}

// wireRules are the rules for each task's answers: the shapes that engines and
// providers really send, and what none of them may be.
func wireRules() []rule {
	is := func(whys ...string) []string { return whys }
	var none []string
	rules := []rule{
		{"text-classification", "nested for one input", is("hf-inference"), is("no inner labels", "two lists for one text")},
		{"text-classification", "flat for one input", is("the default container, TEI"), is("no labels")},
		{"text-classification", "a batch has a list for each input", is("a batch"), is("one list of three", "a label among lists", "a list among labels")},
		{"text-classification", "or the best label of each", is("a batch of best labels"), is("two labels for three texts")},
		{"text-classification", "two texts are a pair to TEI", is("TEI reads two texts as a pair", "and may nest the answer"), none},
		{"text-classification", "labels are texts", none, is("a label of number", "no label", "an empty label")},
		{"text-classification", "scores are numbers, whole ones too", is("whole numbers"), is("a score of text", "a score of null")},
		{"text-classification", "scores are of 0..1 unless raw ones are asked for", is("rounding", "logits where they are asked for", "logits in TEI's words"), is("logits where none are meant", "a negative score")},

		{"zero-shot-classification", "the old form", is("transformers"), is("no scores", "a label of number", "a score of text")},
		{"zero-shot-classification", "the old form of a batch", is("a batch"), is("too few", "the second of a batch")},
		{"zero-shot-classification", "the new form", is("hf-inference today", "a batch of lists"), is("nothing")},
		{"zero-shot-classification", "the labels are those that were asked for", is("unsorted"), is("an unknown label", "a missing label", "a label twice")},
		{"zero-shot-classification", "as many labels as scores", none, is("fewer scores")},
		{"zero-shot-classification", "the scores of a single label sum to 1 within 0.02", is("rounded sum", "several labels at once", "one label is scored by itself"), is("a sum of 1.5", "a sum of 0.5 in a list")},
		{"zero-shot-classification", "scores are of 0..1", none, is("a score of 2")},

		{"feature-extraction", "depth 1 to 4", is("sentence-transformers", "TEI", "a vector for each token", "nested once more"), is("too deep", "uneven nesting", "a list among numbers")},
		{"feature-extraction", "OpenAI's form, of floats or base64", is("OpenAI", "OpenAI in base64"), is("OpenAI without data", "OpenAI without an embedding", "OpenAI in base64, which was not asked for", "OpenAI in cut base64", "OpenAI's NaN in base64", "OpenAI out of order")},
		{"feature-extraction", "rectangular on the last axis", is("batches of tokens differ in number"), is("ragged", "OpenAI ragged", "an empty vector")},
		{"feature-extraction", "leaves are numbers", none, is("a null", "a text")},
		{"feature-extraction", "the batch axis counts the inputs", is("a batch"), is("too many", "too few")},
		{"feature-extraction", "of the configured dimension", is("as long as expected"), is("another dimension")},
		{"feature-extraction", "not all zero", is("a zero among numbers"), is("zeros", "zeros for each token", "the second vector")},
		{"feature-extraction", "of length 1 within 0.001 where that is asked for", is("normalised", "tokens are not normalised"), is("not normalised")},

		{"sentence-similarity", "a list, or the toolkit's object", is("hf-inference, TEI", "the toolkit"), is("a text", "vectors", "nothing")},
		{"sentence-similarity", "a number for each sentence", none, is("too few", "too many in an object")},
		{"sentence-similarity", "of -1.01..1.01", none, is("out of range")},

		{"text-generation", "a list, an object, or OpenAI's choices", is("hf-inference, TGI's root", "TGI's /generate", "with details", "OpenAI's completions"), is("an empty list", "no text", "a text of number", "no choices", "a choice of neither text nor message")},
		{"text-generation", "more than the prompt", is("the prompt before it", "one blank token"), is("blank", "the prompt alone", "the prompt alone, with the nonce", "the second of two", "a blank choice")},
		{"text-generation", "a final answer has an end", none, is("a choice without an end")},
		{"text-generation", "a stream of either form, that is not cut", is("a stream: TGI", "a stream: OpenAI's completions"), is("a stream: cut", "a stream: special tokens alone", "a stream: blanks")},

		{"chat-completion", "at least one choice", is("a text"), is("no choices", "choices of null", "a list", "a choice of text")},
		{"chat-completion", "a fingerprint, an id and a usage may be absent", is("no usage, no fingerprint", "no tokens counted"), none},
		{"chat-completion", "text, a tool call or reasoning", is("parts", "a tool call", "reasoning and an answer", "reasoning alone"), is("nothing said", "blanks", "no message", "content of number")},
		{"chat-completion", "a budget that was thought away is no outage", none, is("a spent budget", "a spent budget of a model known to think", "a spent budget by its bill")},
		{"chat-completion", "any finish reason but null", is("an unknown finish reason"), is("no end", "an end of number", "an end in error")},
		{"chat-completion", "arguments are a JSON text or an object", is("a tool call of early TGI", "a single tool call of early TGI", "a tool call without arguments"), is("arguments that do not parse", "arguments of number", "a tool without a name", "a tool without a function", "tools that are no list")},
		{"chat-completion", "the tool is one that was offered, its arguments of its schema", is("a call", "of early TGI, an object", "of a tool without a schema", "a text where the choice is free", "the tool that was named"), is("a tool nobody offered", "an argument missing", "an argument of another type", "no call", "another tool")},
		{"chat-completion", "JSON where response_format asks for it", is("an object", "by its schema", "behind a thought"), is("no JSON", "no object", "against the schema", "against TGI's")},
		{"chat-completion", "a filter and a refusal are named", none, is("a filter", "a refusal")},
		{"chat-completion", "a stream has text and an end", is("a stream: vLLM", "a stream: a leading filter chunk", "a stream: no end mark", "a stream: no finish reason", "a stream: reasoning first"), is("a stream: no events", "a stream: the end alone", "a stream: role alone", "a stream: cut", "a stream: no text", "a stream: blanks", "a stream: noise")},
		{"chat-completion", "a broken event is counted, and no more", is("a stream: a broken event among good ones"), none},
		{"chat-completion", "a stream's tool calls are put together by their index", is("a stream: two calls"), is("a stream: an argument missing in the second", "a stream: arguments that are no JSON", "a stream: arguments that are no object")},
		{"chat-completion", "the Responses API", is("a text", "reasoning and a text"), is("nothing", "blank", "a part of number", "still at it")},

		{"question-answering", "an object, or a list", is("one answer, offsets count characters", "several", "a list where one was asked for"), is("an empty list", "the second of a list")},
		{"question-answering", "start and end are whole and in order", is("whole numbers"), is("no start", "half an offset", "a negative offset", "the end before the start", "beyond the context")},
		{"question-answering", "the answer stands in the context there", is("aligned to words", "another case and blanks"), is("words that are not there", "an absent answer", "an answer of number")},
		{"question-answering", "blank only where no answer is an answer", is("no answer where that is allowed"), is("no answer")},
		{"question-answering", "a score of 0..1", none, is("no score", "a score of 3")},

		{"table-question-answering", "an object, or a list", is("with an aggregator", "without", "a model that writes", "the published schema's list"), is("no answer", "a blank answer")},
		{"table-question-answering", "coordinates are inside the table", none, is("outside the table", "a row outside", "coordinates of text", "coordinates of one", "coordinates that are no list")},
		{"table-question-answering", "a cell for each coordinate", none, is("cells of numbers", "fewer cells")},
		{"table-question-answering", "the aggregator is a text or absent", none, is("an aggregator of number")},

		{"fill-mask", "a list, or a list for each mask", is("one mask", "several masks", "a batch"), is("too few", "one list for two texts", "no guess", "two lists for three masks")},
		{"fill-mask", "the key is token_str", none, is("the published schema's key", "no token", "a token of text", "no sequence")},
		{"fill-mask", "a score of 0..1", none, is("a score of 2")},

		{"token-classification", "a list, or a list for each text", is("aggregated", "a batch"), is("an object", "too few")},
		{"token-classification", "either entity_group or entity", is("not aggregated"), is("both keys", "neither key", "one key and then the other", "a label of number")},
		{"token-classification", "an empty list is legal", is("nothing is legal"), none},
		{"token-classification", "a word, a score and a place", is("a tokenizer without offsets"), is("no word", "a score of 1.5", "the end before the start", "beyond the text", "beyond the second text")},

		{"text-ranking", "each index once", is("an order", "pairs"), is("an index twice", "an index missing", "an index too many", "no index", "half an index", "a score for one pair of two")},
		{"text-ranking", "scores are numbers, the best first", is("of equals", "the toolkit's scores may be raw"), is("a score of text", "a score of null", "the best last", "TEI's scores are not raw")},
		{"text-ranking", "at least one", is("the best alone"), is("none", "no results")},
		{"text-ranking", "a text where one was asked for", is("TEI's"), is("a text missing", "a text of number")},

		{"automatic-speech-recognition", "an object with a text", is("a text", "a provider's extras", "silence is legal"), is("no text", "a text of number", "a list")},
		{"automatic-speech-recognition", "chunks have times in order, the last may be open", is("chunks"), is("chunks that are none", "a chunk without a text", "a chunk without a time", "an open end in the middle", "backwards", "a start of text")},

		{"zero-shot-image-classification", "the labels that were asked for", is("the labels", "scores each by itself"), is("an unknown label", "a label missing", "a label twice", "the text task's form", "a score of 2", "nothing")},

		{"object-detection", "an empty list is legal", is("an object", "none"), is("an object in place of a list")},
		{"object-detection", "a box with its sides in order", none, is("no box", "a box of numbers", "a side missing", "a side of text", "sides swapped", "upside down")},
		{"object-detection", "a label and a score", none, is("a score of 1.7", "no label")},

		{"image-to-text", "a list, or an object", is("a list", "an object"), is("the published schema's key", "two", "none", "a text of number")},
		{"image-to-text", "a text that is not blank", none, is("blank")},
		{"image-text-to-text", "a chat's answer", is("a chat's answer", "a file alone", "an address"), is("nothing said", "a caption")},

		{"text-to-image", "bytes of any format with its header", is("a JPEG", "a PNG", "another spelling"), is("empty", "cut", "a cut JPEG", "a wrong type", "a sound for a picture", "text with a picture's type")},
		{"text-to-image", "a provider's JSON", is("fal's links", "base64", "a data: URL", "replicate's link"), is("an error in a 200", "JSON without a file", "no files", "cut base64", "no base64", "a file of number", "an empty file", "an object without a file", "not ready", "given up", "JSON cut")},
		{"text-to-speech", "bytes of any format with its duration", is("a WAV", "no type"), is("a cut WAV", "a picture for a sound", "HTML")},
		{"text-to-speech", "a provider's JSON", is("a sound behind a link"), is("a text")},

		{"custom", "anything", is("an object", "a list", "a number", "HTML may be meant", "bytes", "nothing"), is("an empty stream")},
	}
	for _, name := range []string{"summarization", "translation"} {
		rules = append(rules, rule{name, "a list, or a bare object", is("the wire", "the published schema", "a batch"), is("an empty list", "a text", "a number", "no key", "too many", "too few")},
			rule{name, "a text that is not blank", none, is("blank", "a blank object")})
	}
	rules = append(rules, rule{"translation", "the input itself is a warning", is("the input itself", "the input itself with the nonce"), none})
	for _, name := range []string{"audio-classification", "image-classification"} {
		rules = append(rules, rule{name, "flat", is("labels", "whole scores", "raw scores"), is("nothing", "an object", "nested", "more than asked for")},
			rule{name, "labels are texts, scores of 0..1", none, is("no label", "a label of number", "a score of text", "a score of 1.7")})
	}
	for _, name := range task.Names() {
		if name != "custom" {
			rules = append(rules, rule{name, "no answer at all", none, is("nothing at all", "blanks alone", "HTML alone", "words", "two values", "half of it", "Python's NaN", "Python's Infinity", "a number too large", "an error alone", "a list of errors")})
		}
	}
	return rules
}

// rulesHaveRows holds that each rule's answers stand in a table of its task, that
// the good ones are accepted, and that the bad ones are refused with a sentence.
func (b *rulebook) rulesHaveRows(t *testing.T) {
	t.Helper()
	rows := map[string][]judged{}
	accepted := map[string]int{}
	for _, j := range b.all {
		rows[j.task+": "+j.why] = append(rows[j.task+": "+j.why], j)
		if j.verdict.Outcome == probe.OK {
			accepted[j.task]++
		}
	}
	ruled := map[string]int{}
	for _, r := range wireRules() {
		ruled[r.task]++
		for _, side := range []struct {
			whys []string
			good bool
		}{{r.good, true}, {r.bad, false}} {
			for _, why := range side.whys {
				fits := slices.ContainsFunc(rows[r.task+": "+why], func(j judged) bool {
					return (j.verdict.Outcome == probe.OK) == side.good && (j.verdict.Reason == "") == side.good
				})
				if !fits {
					t.Errorf("%s, %q: no answer %q that is good is %v", r.task, r.says, why, side.good)
				}
			}
		}
	}
	for _, name := range task.Names() {
		if ruled[name] == 0 || accepted[name] == 0 {
			t.Errorf("%s has %d rules and %d good answers, want some of each", name, ruled[name], accepted[name])
		}
	}
}

// sentence is what a checker can say, as a format.
type sentence struct{ file, format string }

// sentences returns what the package's checkers can say: what they pass to breaks,
// and every other text with a blank in it. Those of the errors that building a
// request has are none.
func sentences(t *testing.T) []sentence {
	t.Helper()
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []sentence
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") || name == "example.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, isFunc := d.(*ast.FuncDecl); isFunc {
				ast.Inspect(f, func(n ast.Node) bool {
					format, goOn := said(n)
					if format != "" {
						all = append(all, sentence{name, format})
					}
					return goOn
				})
			}
		}
	}
	return all
}

// said returns the text that a node is, where a checker may say it, and whether to
// look into the node.
func said(n ast.Node) (format string, goOn bool) {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		switch name {
		case "Errorf", "New", "refuse", "readText", "wants":
			return "", false
		case "breaks":
			if lit, isLit := n.Args[0].(*ast.BasicLit); isLit {
				return unquoted(lit), true
			}
		}
	case *ast.BasicLit:
		text := unquoted(n)
		// Some are what building a request wants, and one is encoding/json's own.
		asked := strings.Contains(text, " wants ") || strings.HasPrefix(text, "want a list of {") || text == "unexpected end of JSON input"
		if strings.Contains(strings.TrimSpace(text), " ") && !asked {
			return text, true
		}
	}
	return "", true
}

// unquoted returns the text of a literal, and nothing where it is none.
func unquoted(lit *ast.BasicLit) string {
	text, err := strconv.Unquote(lit.Value)
	if lit.Kind != token.STRING || err != nil {
		return ""
	}
	return text
}

// sentencesAreSaid holds that each sentence was said of some answer: one in a
// task's own file of an answer to that task.
func (b *rulebook) sentencesAreSaid(t *testing.T) {
	t.Helper()
	verbs := regexp.MustCompile(`%[a-z]`)
	told := map[string][]string{}
	for _, j := range b.all {
		told[j.task] = append(told[j.task], j.verdict.Reason)
		told[j.task] = append(told[j.task], j.verdict.Warnings...)
	}
	for name, texts := range told {
		slices.Sort(texts)
		told[name] = slices.Compact(texts)
	}
	own := map[string]string{}
	for _, name := range task.Names() {
		own[strings.ReplaceAll(name, "-", "")+".go"] = name
	}
	count := 0
	for _, s := range sentences(t) {
		pattern := regexp.MustCompile(verbs.ReplaceAllString(regexp.QuoteMeta(s.format), ".*"))
		isSaid := false
		for name, texts := range told {
			if only, isOwn := own[s.file]; !isOwn || only == name {
				isSaid = isSaid || slices.ContainsFunc(texts, pattern.MatchString)
			}
		}
		if !isSaid {
			t.Errorf("%s: no answer of the tables is told %q", s.file, s.format)
		}
		count++
	}
	if count < 100 {
		t.Errorf("%d sentences were found, want all", count)
	}
}
