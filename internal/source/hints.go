package source

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// spoken is a time or a part as people write it: a number, and a word or a sign.
var spoken = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([A-Za-z]+|%)$`)

// units are those of times that people write, without an s at their end, in units that durations have.
var units = map[string]struct {
	unit  string
	times float64
}{
	"msec": {"ms", 1}, "milli": {"ms", 1}, "millisecond": {"ms", 1},
	"s": {"s", 1}, "sec": {"s", 1}, "second": {"s", 1}, "m": {"m", 1}, "min": {"m", 1}, "minute": {"m", 1},
	"h": {"h", 1}, "hr": {"h", 1}, "hour": {"h", 1}, "d": {"h", 24}, "day": {"h", 24}, "w": {"h", 7 * 24}, "week": {"h", 7 * 24},
}

// durationHint helps whoever writes a time with a unit that durations have not.
func durationHint(node *Node) string {
	parts := spoken.FindStringSubmatch(node.Text)
	if node.filled || node.open || parts == nil {
		return ""
	}
	word := strings.ToLower(parts[2])
	unit, known := units[word]
	if !known {
		unit, known = units[strings.TrimSuffix(word, "s")]
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if !known || err != nil {
		return ""
	}
	return "write " + decimalText(number*unit.times) + unit.unit
}

// partHint helps whoever writes a part of something in percent.
func partHint(node *Node) string {
	parts := spoken.FindStringSubmatch(node.Text)
	if node.filled || node.open || parts == nil || parts[2] != "%" {
		return ""
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return ""
	}
	return "write " + decimalText(number/100)
}

func decimalText(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }

// ruleHint says what to write where a number or a duration breaks its bounds.
func ruleHint(node *Node, violation *protovalidate.Violation) string {
	if node.filled || node.open {
		return ""
	}
	switch violation.Proto.GetRuleId() {
	case "int32.gt":
		return fmt.Sprintf("write %d or more", violation.RuleValue.Int()+1)
	case "int32.gte":
		return fmt.Sprintf("write %d or more", violation.RuleValue.Int())
	case "duration.gt":
		return "write a longer one, such as 1s"
	}
	if violation.FieldDescriptor == nil || violation.FieldDescriptor.Kind() != protoreflect.DoubleKind {
		return ""
	}
	if number := violation.FieldValue.Float(); number >= 2 && number <= 100 { // percent
		return "write " + decimalText(number/100) + " for " + decimalText(number) + " %"
	}
	return "write a part of 1, such as 0.5"
}
