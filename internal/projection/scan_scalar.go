package projection

// number reads a number, and returns where it ends; failed if it is none (RFC 8259, section 6).
func (s *scanner) number(at int) int {
	body := s.body
	if body[at] == '-' {
		at++
	}
	switch {
	case at < len(body) && body[at] == '0':
		at++
	default:
		if at = s.digits(at); at < 0 {
			return failed
		}
	}
	if at < len(body) && body[at] == '.' {
		if at = s.digits(at + 1); at < 0 {
			return failed
		}
	}
	if at < len(body) && body[at]|' ' == 'e' {
		at++
		if at < len(body) && (body[at] == '+' || body[at] == '-') {
			at++
		}
		return s.digits(at)
	}
	return at
}

// digits reads one digit or more.
func (s *scanner) digits(at int) int {
	body, start := s.body, at
	for at < len(body) && body[at]-'0' <= 9 {
		at++
	}
	if at == start {
		return s.unexpected(at)
	}
	return at
}

// literal reads true, false or null.
func (s *scanner) literal(at int, text string) int {
	if end := at + len(text); end <= len(s.body) && string(s.body[at:end]) == text {
		return end
	}
	return s.fail(at, errUnexpected)
}

// space is where what follows a white space begins.
func space(body []byte, at int) int {
	for at < len(body) && body[at] <= ' ' && (body[at] == ' ' || body[at] == '\n' || body[at] == '\r' || body[at] == '\t') {
		at++
	}
	return at
}
