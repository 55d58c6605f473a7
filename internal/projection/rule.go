package projection

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sheaf-rpc/sheaf/internal/diag"
)

// Rule appends one field of a message. Rules are built by compile and only read afterwards.
type Rule interface {
	// emit appends the field with its tag, or nothing.
	emit(dst []byte, run *run) ([]byte, outcome)
}

// outcome says what became of a field.
type outcome int

const (
	// unset: nothing was appended.
	unset outcome = iota
	// constant: the field holds a value that depends on no answer, so it does not show that its message exists.
	constant
	// set: the field holds a value from an answer.
	set
)

// Target is what every rule knows about the field it fills.
type Target struct {
	Number protowire.Number
	// Path is the field's path from the response message; the index of each loop's element stands as [].
	Path string
	// Presence is set if a client can tell an unset field from a zero one: such a field is emitted when zero, and may stay
	// unset in silence.
	Presence bool
	// MayBeUnset is set if nothing is to be reported when there is no value.
	MayBeUnset bool
	// Required is set if the contract demands a value; a response without it must not leave.
	Required bool
	// At is where the field's source stands in the binding.
	At diag.Position
}

// Report says that a field, or an element of one, is unset although the contract has no place for that, because its
// source had another shape than the binding expects. Its texts quote no value.
type Report struct {
	// Field is the path from the response message, with indices.
	Field string
	// Origin is the path in the answer as far as it is known, or the expression.
	Origin string
	// Call is the index of the document to blame among the scope's answers, or -1.
	Call            int
	Expected, Found string
	// Sample is what stands there, with every letter and digit replaced; empty if nothing does, or if it is large.
	Sample   string
	Required bool
	At       diag.Position

	// absence is set if there was no value at all: no report if the enclosing message turns out to be unset.
	absence bool
}

// maxReports bounds what is remembered of one response.
const maxReports = 100

// run is the state of one projection.
type run struct {
	*Scope
	reports []Report
	// dropped counts the reports beyond maxReports.
	dropped int
	// indices are where the repeated fields of the response stand, from the outermost; offset is where the next one begins.
	indices []int
	offset  int
	// joins are the elements of each join's list by their keys.
	joins map[*Join]map[string][]iteration
}

// Blame is a report about an operand whose value fills no field of a response by itself.
func Blame(scope *Scope, source Operand, field, expected, found string) Report {
	at := &run{Scope: scope}
	return Report{Field: field, Origin: at.origin(source), Call: callOf(source), Expected: expected, Found: found, Sample: at.sample(source)}
}

// report remembers what is wrong with a field.
func (r *run) report(target *Target, source Operand, expected, found string) {
	r.add(Report{
		Field: r.fill(target.Path), Origin: r.origin(source), Call: callOf(source),
		Expected: expected, Found: found, Sample: r.sample(source), Required: target.Required, At: target.At,
	})
}

// sample is what stands at a path of an answer, without what it says.
func (r *run) sample(source Operand) string {
	answer, ok := source.(*Answer)
	if !ok || answer.Loop >= len(r.loops) {
		return ""
	}
	if doc := r.document(answer.Call); doc == nil || doc.spans[r.base(&answer.Place)+answer.Slot].end == 0 {
		return "" // of a list that is looped over, only the elements are kept
	}
	value := r.find(&answer.Place)
	const most = 60
	if value.Missing() || len(value.raw) > most {
		return ""
	}
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c):
			return 'x'
		case unicode.IsDigit(c):
			return '0'
		default:
			return c
		}
	}, string(value.raw))
}

// maxMessage bounds a response in bytes. A short answer can make a long one: equal keys on both sides of a join multiply.
const maxMessage = 64 << 20

var errTooLarge = errors.New("response is too large")

// reportSize remembers that the response is larger than may leave.
func (r *run) reportSize(target *Target, source Operand) {
	report := Report{Field: r.fill(target.Path), Origin: r.origin(source), Call: callOf(source), At: target.At, Required: true}
	report.Expected, report.Found = fmt.Sprintf("a response of at most %d MiB", maxMessage>>20), "more"
	r.add(report)
}

// reportPart remembers what is wrong with an element or an entry of a value that is copied as a whole.
func (r *run) reportPart(target *Target, source Operand, part, expected, found string) {
	r.add(Report{
		Field: r.fill(target.Path) + part, Origin: r.origin(source) + part, Call: callOf(source),
		Expected: expected, Found: found, At: target.At,
	})
}

// reportAbsence remembers that a field that must have a value has none.
func (r *run) reportAbsence(target *Target, source Operand, expected string) {
	r.add(Report{
		Field: r.fill(target.Path), Origin: r.origin(source), Call: callOf(source),
		Expected: expected, Found: "nothing", Required: target.Required, At: target.At, absence: true,
	})
}

// add keeps reports of required fields even beyond the bound, since they decide the RPC.
func (r *run) add(report Report) {
	if len(r.reports) >= maxReports && !report.Required {
		r.dropped++
		return
	}
	r.reports = append(r.reports, report)
}

// forgetAbsences drops what was reported since mark for fields of a message that is unset as a whole.
func (r *run) forgetAbsences(mark int) {
	kept := r.reports[:mark]
	for _, report := range r.reports[mark:] {
		if !report.absence {
			kept = append(kept, report)
		}
	}
	r.reports = kept
}

// fill puts the loops' current indices in the place of [].
func (r *run) fill(path string) string {
	for _, index := range r.indices {
		before, after, found := strings.Cut(path, "[]")
		if !found {
			break
		}
		path = before + "[" + strconv.Itoa(index) + "]" + after
	}
	return path
}

// origin is the path in an answer with the loops' current indices. Loops that do not lie on the path do not count.
func (r *run) origin(source Operand) string {
	answer, ok := source.(*Answer)
	if !ok {
		return source.String()
	}
	path := answer.Origin
	for _, loop := range answer.Loops {
		before, after, _ := strings.Cut(path, "[]")
		if loop >= len(r.loops) { // the loop as a whole is to blame, not one element
			break
		}
		path = before + "[" + strconv.Itoa(r.loops[loop].index) + "]" + after
	}
	return path
}

// callOf is the call that an operand reads, or the first one that an expression reads.
func callOf(source Operand) int {
	switch operand := source.(type) {
	case *Answer:
		return operand.Call
	case *Computed:
		for _, name := range operand.Program.Names {
			if meaning := operand.Names[name]; meaning.Kind == AnswerName {
				return meaning.Place.Call
			}
		}
	case *Text:
		return firstCall(operand.holes())
	case *First:
		return firstCall(operand.Of)
	case *Guarded:
		return firstCall([]Operand{operand.From, operand.When})
	}
	return -1
}

func firstCall(operands []Operand) int {
	for _, operand := range operands {
		if call := callOf(operand); call >= 0 {
			return call
		}
	}
	return -1
}
