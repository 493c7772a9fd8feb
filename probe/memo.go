package probe

import "strconv"

// Memo holds the hashes of a target's inputs and parameters, worked out once where
// thousands of its requests are made. A nil Memo holds none. It is never changed
// once made.
type Memo struct {
	target *Target
	hash   string
	// inputs are by the place of their first byte: a pool's values are drawn as
	// they stand.
	inputs map[*byte]string
}

// NewMemo returns the target's.
func NewMemo(t *Target) *Memo {
	m := &Memo{target: t, hash: paramsHash(t), inputs: make(map[*byte]string, len(t.Inputs.Values))}
	for _, v := range t.Inputs.Values {
		if len(v) > 0 {
			m.inputs[&v[0]] = hash(v)
		}
	}
	return m
}

// input returns the hash of an input of the target's pool, empty for any other.
func (m *Memo) input(v []byte) string {
	if m == nil || len(v) == 0 {
		return ""
	}
	return m.inputs[&v[0]]
}

// params returns the hash of the target's parameters, empty of another target's.
func (m *Memo) params(t *Target) string {
	if m == nil || m.target != t {
		return ""
	}
	return m.hash
}

// paramsHash returns the hash of everything but the input that decides what is
// asked of the target.
func paramsHash(t *Target) string {
	parts := [][]byte{[]byte(t.Task.Name()), []byte(t.Model), []byte(t.Provider), t.Parameters, []byte(strconv.FormatBool(t.Stream)), []byte(t.Cache)}
	if t.ProviderModel != "" {
		parts = append(parts, []byte(t.ProviderModel))
	}
	return hash(parts...)
}
