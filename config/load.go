package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// maxIncluded bounds how many files include may bring in.
const maxIncluded = 256

// Load reads and checks a configuration. Its error is Problems where the
// configuration is wrong; any other error is of the options themselves. A
// configuration with mere warnings is returned with them and no error.
func Load(o Options) (*Config, error) {
	o = o.complete()
	problems := newCollector()
	data, err := o.Read(o.File, MaxFileSize)
	if err != nil {
		return nil, Problems{{Place: Place{File: o.File, Line: 1, Col: 1}, Path: "file", What: unreadable(err), Remedy: "name another with --config.file"}}
	}
	r := &reader{problems: problems, lookup: o.lookup, used: map[string]bool{}}
	l := &layers{opts: o, r: r, maps: map[string]*node{}}
	root, err := l.merge(data)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, problems.sorted()
	}
	c := &checker{opts: o, reader: r, d: &decoder{problems: problems}, problems: problems, warnings: newCollector(), cfg: &Config{File: o.File}}
	c.root = c.include(root)
	c.check()
	c.strangers(l.unknown)
	if all := problems.sorted(); len(all) > 0 {
		return nil, all
	}
	c.cfg.Warnings = c.warnings.sorted()
	return c.cfg, nil
}

// include returns root with the models, mixes and alerts of the included files
// behind its own.
func (c *checker) include(root *node) *node {
	patterns := root.get("include")
	if patterns == nil || patterns.kind != list {
		return root
	}
	seen := map[string]bool{filepath.Clean(c.opts.File): true}
	for _, p := range patterns.items {
		if p.kind != scalar || p.broken {
			continue
		}
		names, err := c.opts.Glob(c.resolve(p.text))
		switch {
		case err != nil:
			c.problem(p.spot(), quote(p.text)+" is not a pattern of files", `write for instance "conf.d/*.yaml"`)
		case len(names) == 0 && !strings.ContainsAny(p.text, "*?["):
			c.problem(p.spot(), quote(p.text)+": there is no such file", "correct the name, relative to the file that includes it")
		case len(names) == 0:
			c.warn(p.spot(), quote(p.text)+" matches no file", "correct the pattern, relative to the file that includes it, or remove it")
		}
		slices.Sort(names)
		for _, name := range names {
			if seen[filepath.Clean(name)] {
				continue
			}
			if seen[filepath.Clean(name)] = true; len(c.cfg.Included) == maxIncluded {
				c.problem(p.spot(), fmt.Sprintf("more than %d files are included", maxIncluded), "put several models into one file")
				return root
			}
			root = c.includeFile(root, name)
		}
	}
	return root
}

// includeFile returns root with what the file adds.
func (c *checker) includeFile(root *node, name string) *node {
	start := spot{Place{File: name, Line: 1, Col: 1}, "file"}
	data, err := c.opts.Read(name, MaxFileSize)
	if err != nil {
		c.problem(start, unreadable(err), "correct include, or the file's rights")
		return root
	}
	c.cfg.Included = append(c.cfg.Included, name)
	n := c.reader.read(name, data)
	if n == nil {
		return root
	}
	for _, e := range n.entries {
		switch {
		case strings.HasPrefix(e.key, "x-"):
		case !slices.Contains([]string{"models", "mixes", "alerts"}, e.key):
			c.problem(spot{e.place, e.value.path}, "an included file may hold models, mixes and alerts only",
				"move it to "+filepath.Base(c.opts.File)+includeHint(e.key))
		case e.value.kind != list:
			c.d.wrongKind(e.value, list)
		default:
			root = appended(root, e)
		}
	}
	return root
}

// includeHint adds the nearest key that an included file may have.
func includeHint(key string) string {
	if n := nearest(key, []string{"models", "mixes", "alerts"}); n != "" {
		return ", or did you mean " + n + "?"
	}
	return ""
}

// appended returns root with the items of e behind those of the same key.
func appended(root *node, e entry) *node {
	if old := root.get(e.key); old != nil && old.kind == list {
		joined := *old
		joined.items = append(slices.Clone(old.items), e.value.items...)
		place, _ := root.keyPlace(e.key)
		return root.with(entry{key: e.key, place: place, value: &joined})
	}
	return root.with(e)
}

// resolve returns a file's name relative to the directory of the configuration
// file.
func (c *checker) resolve(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.opts.File), name)
}
