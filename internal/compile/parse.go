package compile

import (
	"fmt"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// parse reads every expression, template and tree, and compiles it against the names that are declared where it stands.
func parse(d *draft) error {
	for _, rpc := range d.rpcs {
		p := &parser{draft: d, rpc: rpc, env: rpc.env}
		rpc.account = p.account()
		p.lets()
		p.requirements()
		p.pages()
		for _, call := range rpc.calls {
			p.parseCall(call)
		}
		p.response()
		rpc.headers = p.metadata("response_headers")
		rpc.trailers = p.metadata("response_trailers")
	}
	return d.parseErrorRules()
}

// parser parses one RPC.
type parser struct {
	*draft
	rpc *rpc
	// env knows the RPC's names and those of the loops around.
	env *expr.Env
	// loops are those around the current place, from the outermost.
	loops []*loop
	// call is set in what a call says of its own answer.
	call *call
}

// account parses whose account calls are made for.
func (p *parser) account() *operand {
	node := p.rpc.key.Value.Get("account")
	if node == nil {
		return nil
	}
	account := p.expression(node, node.Text, 0)
	switch {
	case account == nil:
		return nil
	case len(account.calls) > 0:
		p.report(node, "name the request alone", "an account cannot wait for a call")
	case p.project.Config.GetAccounts().GetFile() == "":
		p.report(node, "add accounts: with a file to sheaf.yaml", "there are no accounts")
	}
	return account
}

// with is a parser for a place where more names are declared. It is nil if it reported a problem.
func (p *parser) with(at *source.Node, variables ...expr.Variable) *parser {
	env, err := p.env.With(variables...)
	if err != nil {
		p.report(at, "choose another name", "%v", err)
		return nil
	}
	inner := *p
	inner.env = env
	return &inner
}

// declared are all names that an expression may use here.
func (p *parser) declared() []string {
	names := p.rpc.callNames()
	if p.rpc.method != nil {
		names = append([]string{requestName}, names...)
	}
	if p.documentNamed(answerName) != nil {
		names = append(names, answerName)
	}
	for _, let := range p.rpc.lets {
		names = append(names, let.name)
	}
	for _, loop := range p.loops {
		names = append(names, loop.name)
	}
	return names
}

func (p *parser) loopNamed(name string) *loop {
	for _, loop := range p.loops {
		if loop.name == name {
			return loop
		}
	}
	return nil
}

// mistake reports what is wrong with an expression that stands in a node from a byte on.
func (p *parser) mistake(at *source.Node, offset int, e *expr.Error) {
	hint := e.Hint
	if name, ok := strings.CutPrefix(e.Message, expr.Undeclared); ok {
		place := min(offset+e.Offset, len(at.Text))
		hint = p.hintForName(strings.Trim(name, `"`), at.Text[:place], at.Text[place:])
	}
	p.problems.Add(at.At(offset+e.Offset), e.Width, hint, "%s", e.Message)
}

// hintForName is what to do about a name that is not declared; before is the text up to it, after the text from it on.
func (p *parser) hintForName(name, before, after string) string {
	if key, dashed := strings.CutSuffix(before, "-"); dashed {
		owner, key := key[:strings.LastIndexByte(key, '.')+1], key[strings.LastIndexByte(key, '.')+1:]
		if owner != "" {
			return fmt.Sprintf("a key with a dash is written %s[%q]", strings.TrimSuffix(owner, "."), key+"-"+name)
		}
	}
	if name == "answers" {
		return diag.DidYouMean("calls", afterName(after, name), p.rpc.callNames())
	}
	return diag.DidYouMean("names", name, p.declared())
}

// afterName is the name behind the dot that follows name in text.
func afterName(text, name string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(text, name), ".")
	if path, ok := expr.ParsePath(rest); ok {
		return path.Root
	}
	return rest
}
