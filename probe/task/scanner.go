package task

// scanner walks JSON in place. Every method skips blanks first and reports
// whether it found what it names; after a false the position is meaningless
// unless the method says otherwise. It accepts nothing that encoding/json does
// not, but refuses some of what that accepts: deep nesting and huge numbers.
type scanner struct {
	data []byte
	at   int
}

// deepest is how deeply nested JSON is walked.
const deepest = 32

// blank skips white space.
func (s *scanner) blank() {
	for s.at < len(s.data) && s.data[s.at] <= ' ' {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take consumes one byte, or nothing where the next one is another.
func (s *scanner) take(c byte) bool {
	s.blank()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// word consumes a word, or nothing where the next one is another.
func (s *scanner) word(w string) bool {
	s.blank()
	if len(s.data)-s.at >= len(w) && string(s.data[s.at:s.at+len(w)]) == w {
		s.at += len(w)
		return true
	}
	return false
}

// null consumes null, or nothing.
func (s *scanner) null() bool { return s.word("null") }

// end reports whether nothing is left.
func (s *scanner) end() bool {
	s.blank()
	return s.at == len(s.data)
}

// key returns the next key of an object, the first one after its brace; more is
// false at the closing brace. Keys with escapes are refused.
func (s *scanner) key(first bool) (key []byte, more, ok bool) {
	if first && !s.take('{') {
		return nil, false, false
	}
	if s.take('}') {
		return nil, false, true
	}
	if !first && !s.take(',') {
		return nil, false, false
	}
	key, plain, ok := s.text()
	return key, true, ok && plain && s.take(':')
}

// text returns a text's bytes between its quotes; plain is true where it has
// ASCII alone and no escapes.
func (s *scanner) text() (raw []byte, plain, ok bool) {
	if !s.take('"') {
		return nil, false, false
	}
	start := s.at
	plain = true
	for {
		// What a chunk consists of for the most part is walked without touching s.
		rest, at, high := s.data[s.at:], 0, byte(0)
		for at < len(rest) && rest[at] >= ' ' && rest[at] != '"' && rest[at] != '\\' {
			high |= rest[at]
			at++
		}
		s.at += at
		plain = plain && high < 0x80
		switch {
		case at == len(rest) || rest[at] < ' ':
			return nil, false, false
		case rest[at] == '"':
			raw = s.data[start:s.at]
			s.at++
			return raw, plain, true
		}
		plain = false
		if !s.escape() {
			return nil, false, false
		}
	}
}

// escape consumes an escape sequence, blanks not skipped.
func (s *scanner) escape() bool {
	if s.at+1 >= len(s.data) {
		return false
	}
	switch s.data[s.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at += 2
		return true
	case 'u':
		if s.at+6 > len(s.data) {
			return false
		}
		for _, c := range s.data[s.at+2 : s.at+6] {
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
		s.at += 6
		return true
	default:
		return false
	}
}

// count consumes a whole number of at least 0 with at most nine digits.
func (s *scanner) count() (n int, ok bool) {
	s.blank()
	start := s.at
	if !s.number() || s.at-start > 9 {
		return 0, false
	}
	for _, c := range s.data[start:s.at] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// number consumes a number that surely fits a float64.
func (s *scanner) number() bool {
	start := s.at
	s.one('-')
	if !s.one('0') && s.digits() == 0 {
		return false
	}
	if s.one('.') && s.digits() == 0 {
		return false
	}
	if s.one('e') || s.one('E') {
		if !s.one('-') {
			s.one('+')
		}
		if n := s.digits(); n == 0 || n > 2 {
			return false
		}
	}
	return s.at-start <= 40
}

// one consumes a byte, or nothing; blanks are not skipped.
func (s *scanner) one(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// digits consumes digits and returns how many there were.
func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// skip consumes any value.
func (s *scanner) skip(depth int) bool {
	s.blank()
	if s.at >= len(s.data) || depth > deepest {
		return false
	}
	switch s.data[s.at] {
	case '{':
		for first := true; ; first = false {
			_, more, ok := s.key(first)
			if !ok || !more {
				return ok
			}
			if !s.skip(depth + 1) {
				return false
			}
		}
	case '[':
		s.at++
		if s.take(']') {
			return true
		}
		for {
			if !s.skip(depth + 1) {
				return false
			}
			if !s.take(',') {
				return s.take(']')
			}
		}
	case '"':
		_, _, ok := s.text()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}
