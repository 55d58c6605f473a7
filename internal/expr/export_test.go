package expr

// ByCEL is the program with nothing of it evaluated without CEL.
func (p *Program) ByCEL() *Program {
	left := *p
	left.condition, left.selected = nil, nil
	return &left
}

// IsDirect reports whether the program is a condition, or a chain, that is tried without CEL.
func (p *Program) IsDirect() bool { return p.condition != nil || p.selected != nil }
