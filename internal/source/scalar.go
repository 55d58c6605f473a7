package source

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

const durationName = "google.protobuf.Duration"

// mismatch says why a value is not one of a field's.
type mismatch struct {
	// what was expected instead of a value of this kind, such as "a list".
	what string
	// problem is what else is wrong, where the kind is not.
	problem string
	hint    string
	// fromText says that some texts would do, so that one that is not known may.
	fromText bool
}

// scalar reads a scalar, or a duration.
func scalar(node *Node, descriptor protoreflect.FieldDescriptor) (protoreflect.Value, *mismatch) {
	switch descriptor.Kind() {
	case protoreflect.StringKind:
		if !node.isScalar() || node.Kind == Null {
			return protoreflect.Value{}, &mismatch{what: "a text"}
		}
		return protoreflect.ValueOfString(node.Text), nil
	case protoreflect.BoolKind:
		if node.Kind != Bool {
			return protoreflect.Value{}, &mismatch{what: "true or false", hint: boolHint(node)}
		}
		return protoreflect.ValueOfBool(strings.EqualFold(node.Text, "true")), nil
	case protoreflect.Int32Kind:
		return whole(node)
	case protoreflect.DoubleKind:
		return decimal(node)
	case protoreflect.MessageKind:
		return duration(node)
	default:
		return protoreflect.Value{}, &mismatch{problem: descriptor.Kind().String() + " settings are not supported"}
	}
}

func whole(node *Node) (protoreflect.Value, *mismatch) {
	if node.Kind != Int {
		return protoreflect.Value{}, &mismatch{what: Int.String(), hint: numberHint(node, Int)}
	}
	base := 10 // 007 is seven
	if strings.ContainsAny(node.Text, "xo") {
		base = 0
	}
	number, err := strconv.ParseInt(node.Text, base, 32)
	if err != nil {
		return protoreflect.Value{}, &mismatch{problem: node.Text + " is out of range", hint: "write a whole number between -2147483648 and 2147483647"}
	}
	return protoreflect.ValueOfInt32(int32(number)), nil
}

func decimal(node *Node) (protoreflect.Value, *mismatch) {
	if node.Kind != Int && node.Kind != Float {
		return protoreflect.Value{}, &mismatch{what: "a number", hint: cmp.Or(numberHint(node, Int, Float), partHint(node))}
	}
	number, err := strconv.ParseFloat(node.Text, 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		return protoreflect.Value{}, &mismatch{problem: node.Text + " is not a finite decimal number"}
	}
	return protoreflect.ValueOfFloat64(number), nil
}

var (
	// unitless is a number that lacks nothing but a unit, and durations are those that only their size can make wrong.
	unitless  = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?$`)
	durations = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`)
)

func duration(node *Node) (protoreflect.Value, *mismatch) {
	switch {
	case node.isScalar() && unitless.MatchString(node.Text):
		return protoreflect.Value{}, &mismatch{problem: "duration has no unit", hint: "add a unit: " + node.Text + "ms or " + node.Text + "s"}
	case node.Kind == String && durations.MatchString(node.Text):
		parsed, err := time.ParseDuration(node.Text)
		if err != nil {
			return protoreflect.Value{}, &mismatch{problem: "duration is out of range", hint: "write one of at most 290 years"}
		}
		return protoreflect.ValueOfMessage(durationpb.New(parsed).ProtoReflect()), nil
	default:
		return protoreflect.Value{}, &mismatch{what: "a duration such as 300ms or 1.5s", hint: durationHint(node), fromText: true}
	}
}

// boolHint helps whoever writes yes, which YAML 1.2 takes for a text.
func boolHint(node *Node) string {
	switch {
	case node.filled || node.open:
		return onlyTexts
	case node.Kind == String && plainKind(node.Text) == Bool:
		return "remove the quotes"
	case node.Kind == String:
		return "write true or false"
	default:
		return ""
	}
}

func numberHint(node *Node, kinds ...Kind) string {
	if node.filled || node.open {
		return onlyTexts
	}
	for _, kind := range kinds {
		if node.Kind == String && plainKind(node.Text) == kind {
			return "remove the quotes"
		}
	}
	return ""
}

const onlyTexts = "write the value itself: only texts and durations are read from the environment"

// secretName is the message that says where a secret comes from.
const secretName = "sheaf.config.v1.Secret"

// mapHint helps whoever writes one value where there are several settings, or a secret where it does not belong.
func mapHint(message protoreflect.MessageDescriptor) string {
	if message.FullName() == secretName {
		return "write where the secret is: {env: API_TOKEN} or {file: /run/secrets/api_token}"
	}
	if message.Fields().Len() == 0 {
		return "write {}"
	}
	return "known keys: " + strings.Join(fieldNames(message.Fields()), ", ")
}

// listHint helps whoever writes one element without its list.
func listHint(node *Node) string {
	if !node.isScalar() || node.Kind == Null || node.filled || node.open { // what the environment says is not shown
		return ""
	}
	if !plainText.MatchString(node.Text) {
		return "write it as [" + strconv.Quote(node.Text) + "]"
	}
	return "write it as [" + node.Text + "]"
}

// plainText is what YAML takes for itself in a list, without quotes; a lone * is no such text.
var plainText = regexp.MustCompile(`^[\w./-]+$`)
