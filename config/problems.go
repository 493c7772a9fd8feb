package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxProblems bounds how many problems one Load reports.
const MaxProblems = 500

// Place says where a value was written.
type Place struct {
	// File and the 1-based Line and Col are of a value that a file holds.
	File      string
	Line, Col int
	// Env is the environment variable and Flag the command line flag that the
	// value came from instead.
	Env, Flag string
}

// String returns "file:line:col", "$NAME" for an environment variable, or the
// flag.
func (p Place) String() string {
	switch {
	case p.Flag != "":
		return p.Flag
	case p.Env != "":
		return "$" + p.Env
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
}

// compare orders places by file, line and column; what no file holds comes
// last.
func (p Place) compare(o Place) int {
	return cmp.Or(
		cmp.Compare(min(1, len(p.Flag)), min(1, len(o.Flag))), cmp.Compare(min(1, len(p.Env)), min(1, len(o.Env))),
		cmp.Compare(p.File, o.File), cmp.Compare(p.Line, o.Line), cmp.Compare(p.Col, o.Col),
		cmp.Compare(p.Flag, o.Flag), cmp.Compare(p.Env, o.Env),
	)
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Place Place
	// Path is the key, such as models[3].baseline.timeout.
	Path string
	// What says what is wrong and Remedy what to do; neither holds a secret.
	What, Remedy string
}

// String returns "file:line:col: path: what; remedy" in one line.
func (p Problem) String() string {
	text := p.Place.String() + ": " + p.Path + ": " + p.What
	if p.Remedy != "" {
		text += "; " + p.Remedy
	}
	return oneLine(text)
}

// Problems is everything that is wrong, sorted by place. It is the error of
// Load.
type Problems []Problem //nolint:errname // They are warnings as well.

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems by place, each once, and at most MaxProblems.
func (ps Problems) sorted() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(a.Place.compare(b.Place), cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
	out = slices.Compact(out)
	if more := len(out) - MaxProblems; more > 0 {
		out = append(out[:MaxProblems:MaxProblems], Problem{
			Place: out[MaxProblems].Place, Path: out[MaxProblems].Path,
			What: fmt.Sprintf("and %d more problems from here on", more), Remedy: "correct those above first",
		})
	}
	return out
}

// collector gathers problems. Of what it knows to be wrong in itself, such as
// a value of the wrong type, it takes no second problem, so that one mistake
// is one line.
type collector struct {
	all Problems
	// wrong are the paths of values that are wrong in themselves, by place.
	wrong map[Place][]string
	// shared are the models that a problem of the defaults or of a profile is
	// one of, by the problem.
	shared map[Problem][]string
}

// newCollector returns a collector without problems.
func newCollector() *collector {
	return &collector{wrong: map[Place][]string{}, shared: map[Problem][]string{}}
}

// wrongValue takes a problem of a value in itself.
func (c *collector) wrongValue(p Problem) {
	c.all = append(c.all, p)
	if !slices.Contains(c.wrong[p.Place], p.Path) {
		c.wrong[p.Place] = append(c.wrong[p.Place], p.Path)
	}
}

// add takes a problem of a rule, unless the value, or what it stands in, is
// known to be wrong in itself.
func (c *collector) add(p Problem) {
	if !c.known(p) {
		c.all = append(c.all, p)
	}
}

// addShared takes a problem that a value of the defaults or of a profile makes
// for a model.
func (c *collector) addShared(p Problem, model string) {
	if !c.known(p) && !slices.Contains(c.shared[p], model) {
		c.shared[p] = append(c.shared[p], model)
	}
}

// known reports whether the value of p is wrong in itself.
func (c *collector) known(p Problem) bool {
	return slices.ContainsFunc(c.wrong[p.Place], func(path string) bool {
		return p.Path == path || strings.HasPrefix(p.Path, path+".")
	})
}

// sorted returns all problems, sorted.
func (c *collector) sorted() Problems {
	all := slices.Clone(c.all)
	for p, models := range c.shared {
		switch n := len(models); n {
		case 1:
			p.What += " (model " + models[0] + ")"
		case 2, 3:
			p.What += " (models " + strings.Join(models, ", ") + ")"
		default:
			p.What += fmt.Sprintf(" (models %s and %d more)", strings.Join(models[:2], ", "), n-2)
		}
		all = append(all, p)
	}
	return all.sorted()
}

// oneLine returns text with control characters replaced, so that a problem is
// one line whatever the file held.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// quote returns a value as a message shows it: quoted, and cut at 60 bytes.
func quote(text string) string {
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// nearest returns the candidate that text was probably meant to be, or empty:
// at most a third of its letters may differ, and at least two may.
func nearest(text string, candidates []string) string {
	best, least := "", max(2, len(text)/3)+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(text), c, least); d < least {
			best, least = c, d
		}
	}
	return best
}

// editDistance returns the least number of insertions, deletions,
// substitutions and swaps of neighbours that make b of a, or limit where that
// is not fewer. (Optimal string alignment.)
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 64 {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}

// meant returns ", did you mean …" as a remedy, or the list of what is known.
func meant(text string, known []string) string {
	if n := nearest(text, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "known are " + strings.Join(known, ", ")
}
