package projection

// Choose fills the member of a oneof that a value decides on.
type Choose struct {
	Target
	// From decides; Cases are the members by its text.
	From  Operand
	Cases map[string]Rule
	// Else is for any other value; nil makes that a drift.
	Else Rule
}

func (c *Choose) emit(dst []byte, run *run) ([]byte, outcome) {
	value, err := c.From.Value(run.Scope)
	if err != nil {
		run.report(&c.Target, c.From, "a text", err.Error())
		return dst, unset
	}
	if value.Missing() {
		return dst, unset
	}
	text, readable := value.Text()
	if !readable {
		run.report(&c.Target, c.From, "a text", value.describe())
		return dst, unset
	}
	if chosen := c.Cases[text]; chosen != nil {
		return chosen.emit(dst, run)
	}
	if c.Else != nil {
		return c.Else.emit(dst, run)
	}
	run.report(&c.Target, c.From, "a value that the binding knows", value.describe()+" that it does not know")
	return dst, unset
}

// Gate fills a field only where a condition holds.
type Gate struct {
	Target
	When Operand
	Rule Rule
}

func (g *Gate) emit(dst []byte, run *run) ([]byte, outcome) {
	holds, err := Holds(g.When, run.Scope)
	if err != nil {
		run.report(&g.Target, g.When, "true or false", err.Error())
	}
	if !holds {
		return dst, unset
	}
	return g.Rule.emit(dst, run)
}
