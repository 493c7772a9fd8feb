package probe

import "strings"

// Match selects targets, or alerts about them, by what identifies them. Empty
// fields select everything; the zero Match selects all.
type Match struct {
	Name     string            `json:"name,omitempty"`
	Task     string            `json:"task,omitempty"`
	Model    string            `json:"model,omitempty"`
	Location string            `json:"location,omitempty"`
	Severity string            `json:"severity,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	// Fan is true where Name is of a model that stands for several targets, which
	// are named NAME:PROVIDER; it selects all of them.
	Fan bool `json:"-"`
}

// Identity is what a Match looks at: a target's, or an alert's, own values.
type Identity struct {
	Name, Task, Model, Location, Severity string
	Labels                                map[string]string
}

// Selects reports whether m selects id. Severity is asked of alerts only: a
// Match with a severity selects no target, for a target has none.
func (m Match) Selects(id Identity) bool {
	if !m.names(id.Name) {
		return false
	}
	for _, pair := range [][2]string{
		{m.Task, id.Task},
		{m.Model, id.Model},
		{m.Location, id.Location},
		{m.Severity, id.Severity},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	for name, value := range m.Labels {
		if id.Labels[name] != value {
			return false
		}
	}
	return true
}

// names reports whether m selects a target of that name, or, without a name of
// its own, any.
func (m Match) names(name string) bool {
	if m.Name == "" || name == m.Name {
		return true
	}
	rest, of := strings.CutPrefix(name, m.Name+":")
	return m.Fan && of && rest != "" && !strings.Contains(rest, ":")
}
