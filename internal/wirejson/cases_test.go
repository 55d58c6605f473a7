package wirejson

import (
	"math"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Builders of wire bytes: a message is the concatenation of its fields.

func varint(number protowire.Number, v int64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), uint64(v)))
}

func double(number protowire.Number, v float64) string {
	return string(protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), math.Float64bits(v)))
}

func float(number protowire.Number, v float32) string {
	return string(protowire.AppendFixed32(protowire.AppendTag(nil, number, protowire.Fixed32Type), math.Float32bits(v)))
}

func text(number protowire.Number, fields ...string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), strings.Join(fields, "")))
}

func group(number protowire.Number, fields ...string) string {
	return string(protowire.AppendGroup(protowire.AppendTag(nil, number, protowire.StartGroupType), number, []byte(strings.Join(fields, ""))))
}

func timestamp(seconds, nanos int64) string { return varint(1, seconds) + varint(2, nanos) }

type testCase struct {
	of   protoreflect.FullName
	wire string
	// want is the JSON, and wrong a part of the error.
	want, wrong string
	// isLeft is set for what protojson writes.
	isLeft bool
}

var cases = map[string]testCase{
	"nothing":                           {of: "kinds.v1.Kinds", want: `{}`},
	"zero without presence":             {of: "kinds.v1.Kinds", wire: varint(2, 0) + text(14) + double(13, 0) + varint(16, 0), want: `{}`},
	"zero once it is cut":               {of: "kinds.v1.Kinds", wire: varint(2, 1<<32), want: `{}`},
	"zero with presence":                {of: "kinds.v1.Perhaps", wire: varint(2, 0) + text(6), want: `{"anInt32":0,"aString":""}`},
	"minus zero":                        {of: "kinds.v1.Kinds", wire: double(13, math.Copysign(0, -1)) + float(10, float32(math.Copysign(0, -1))), want: `{"aFloat":-0,"aDouble":-0}`},
	"no numbers":                        {of: "kinds.v1.Kinds", wire: double(13, math.NaN()) + float(10, float32(math.Inf(-1))), want: `{"aFloat":"-Infinity","aDouble":"NaN"}`},
	"exponents":                         {of: "kinds.v1.Often", wire: double(13, 1e21) + double(13, 1e-7) + double(13, 1e20) + double(13, 1e-300), want: `{"doubles":[1e+21,1e-7,100000000000000000000,1e-300]}`},
	"64 bits":                           {of: "kinds.v1.Kinds", wire: varint(5, math.MinInt64) + varint(7, -1), want: `{"anInt64":"-9223372036854775808","aUint64":"18446744073709551615"}`},
	"order of the contract":             {of: "kinds.v1.Kinds", wire: varint(29, 1) + varint(1, 1) + text(1000000, varint(2, 7)), want: `{"aBool":true,"child":{"anInt32":7},"late":1}`},
	"name with quotation marks":         {of: "kinds.v1.Kinds", wire: text(15, "\xff\x00"), want: `{"raw \"bytes\"":"/wA="}`},
	"enum by its first name":            {of: "kinds.v1.Often", wire: text(16, "\x01\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), want: `{"colors":["COLOR_RED",7,"COLOR_NEGATIVE"]}`},
	"null":                              {of: "kinds.v1.Kinds", wire: varint(33, 0), want: `{"nothing":null}`},
	"packed, and loose":                 {of: "kinds.v1.Often", wire: text(2, "\x01\x02") + varint(2, 3) + text(2), want: `{"int32s":[1,2,3]}`},
	"empty packed":                      {of: "kinds.v1.Often", wire: text(2), want: `{}`},
	"list in two places":                {of: "kinds.v1.Often", wire: varint(2, 1) + varint(1, 1) + varint(2, 2), want: `{"bools":[true],"int32s":[1,2]}`, isLeft: true},
	"scalar twice":                      {of: "kinds.v1.Kinds", wire: varint(2, 1) + varint(2, 2), want: `{"anInt32":2}`, isLeft: true},
	"scalar, and then zero":             {of: "kinds.v1.Kinds", wire: varint(2, 1) + varint(2, 0), want: `{}`, isLeft: true},
	"message twice":                     {of: "kinds.v1.Kinds", wire: text(18, varint(1, 1)) + text(18, varint(2, 2)), want: `{"perhaps":{"aBool":true,"anInt32":2}}`, isLeft: true},
	"members of a oneof":                {of: "kinds.v1.Kinds", wire: text(31, "x") + varint(30, 0), want: `{"number":0}`, isLeft: true},
	"member of a oneof, twice":          {of: "kinds.v1.Kinds", wire: text(32, varint(2, 1)) + text(32, varint(3, 2)), want: `{"message":{"anInt32":1,"aSint32":1}}`, isLeft: true},
	"member between those of the other": {of: "kinds.v1.Kinds", wire: text(32, varint(2, 1)) + varint(30, 1) + text(32, varint(3, 2)), want: `{"message":{"aSint32":1}}`, isLeft: true},
	"unknown fields":                    {of: "kinds.v1.Kinds", wire: varint(999, 1) + group(998, text(1, "x")) + varint(2, 1), want: `{"anInt32":1}`},
	"another wire type":                 {of: "kinds.v1.Kinds", wire: text(2, "x") + varint(3, 2), want: `{"aSint32":1}`, isLeft: true},
	"no end of a group":                 {of: "kinds.v1.Kinds", wire: group(998)[:2], wrong: "cannot parse", isLeft: true},
	"number too large":                  {of: "kinds.v1.Kinds", wire: "\xf8\xff\xff\xff\x3f\x00", wrong: "cannot parse", isLeft: true},
	"too short":                         {of: "kinds.v1.Kinds", wire: text(14, "abc")[:3], wrong: "cannot parse", isLeft: true},
	"no UTF-8":                          {of: "kinds.v1.Kinds", wire: text(14, "\xff"), wrong: "invalid UTF-8", isLeft: true},
	"no UTF-8, unchecked":               {of: "kinds.v1.Newer", wire: varint(3, 1) + text(7, "\xff"), wrong: "invalid UTF-8", isLeft: true},
	"what replaces no UTF-8":            {of: "kinds.v1.Kinds", wire: text(14, "a\ufffd\u2028</a>\x7f\"\x01"), want: "{\"aString\":\"a\ufffd\u2028</a>\x7f\\\"\\u0001\"}"},

	"sorted texts":       {of: "kinds.v1.Maps", wire: text(12, text(1, "b"), text(2, "1")) + text(12, text(1, "a"), text(2, "2")), want: `{"strings":{"a":"2","b":"1"}}`},
	"sorted numbers":     {of: "kinds.v1.Maps", wire: text(2, varint(1, 10)) + text(2, varint(1, 9), varint(2, 1)) + text(2, varint(1, -1)), want: `{"int32s":{"-1":0,"9":1,"10":0}}`},
	"sorted large":       {of: "kinds.v1.Maps", wire: text(7, varint(1, -1)) + text(7, varint(1, 1)), want: `{"uint64s":{"1":"0","18446744073709551615":"0"}}`},
	"sorted booleans":    {of: "kinds.v1.Maps", wire: text(1, varint(1, 1), varint(2, 1)) + text(1), want: `{"bools":{"false":false,"true":true}}`},
	"key twice":          {of: "kinds.v1.Maps", wire: text(12, text(1, "a"), text(2, "1")) + text(12, text(1, "a"), text(2, "2")), want: `{"strings":{"a":"2"}}`, isLeft: true},
	"value first":        {of: "kinds.v1.Maps", wire: text(12, text(2, "1"), text(1, "a")), want: `{"strings":{"a":"1"}}`, isLeft: true},
	"maps in a map":      {of: "kinds.v1.Maps", wire: text(14, text(1, "b"), text(2, text(14, text(1, "d")), text(14, text(1, "c")))) + text(14, text(1, "a")), want: `{"maps":{"a":{},"b":{"maps":{"c":{},"d":{}}}}}`},
	"value left out":     {of: "kinds.v1.Maps", wire: text(17, text(1, "a")), want: `{"times":{"a":"1970-01-01T00:00:00Z"}}`},
	"empty Value":        {of: "kinds.v1.Maps", wire: text(15, text(1, "a")), wrong: "none of the oneof fields is set", isLeft: true},
	"first value not 0":  {of: "kinds.v1.Older", wire: varint(1, 1) + text(6, text(1, "a")) + text(7, "T"), want: `{"id":1,"byName":{"a":"CLOSED_TWO"},"title":"T"}`},
	"key of two types":   {of: "kinds.v1.Maps", wire: text(12, text(1, "a"), varint(1, 1)), wrong: "cannot be read", isLeft: true},
	"entry and no entry": {of: "kinds.v1.Maps", wire: text(12, text(1, "a")) + varint(12, 1), want: `{"strings":{"a":""}}`, isLeft: true},

	"required missing":     {of: "kinds.v1.Older", wire: varint(1, 1), wrong: "required", isLeft: true},
	"required missing in":  {of: "kinds.v1.Older", wire: varint(1, 1) + text(7) + text(9, varint(1, 1)), wrong: "required", isLeft: true},
	"group":                {of: "kinds.v1.Older", wire: varint(1, 1) + text(7) + group(5, varint(1, 2), group(3, text(1, "a")), group(3, text(1, "b"))), want: `{"id":1,"inner":{"depth":2,"item":[{"key":"a"},{"key":"b"}]},"title":""}`},
	"closed enum":          {of: "kinds.v1.Older", wire: varint(1, 1) + text(7) + varint(3, 9) + text(4, "\x02\x09"), want: `{"id":1,"closed":9,"closeds":["CLOSED_TWO",9],"title":""}`},
	"extension":            {of: "kinds.v1.Older", wire: varint(1, 1) + text(7) + text(100, "x"), want: `{"id":1,"title":"","[kinds.v1.note]":"x"}`, isLeft: true},
	"delimited":            {of: "kinds.v1.Newer", wire: varint(3, 1) + group(4, varint(3, 2)) + group(10, varint(3, 0)), want: `{"required":1,"delimited":{"required":2},"first":{"required":0}}`},
	"implicit in editions": {of: "kinds.v1.Newer", wire: varint(1, 0) + varint(2, 0) + varint(3, 0), want: `{"explicit":0,"required":0}`},
}

var knownTypes = map[string]testCase{
	"first Timestamp":     {of: "google.protobuf.Timestamp", wire: timestamp(-62135596800, 0), want: `"0001-01-01T00:00:00Z"`},
	"last Timestamp":      {of: "google.protobuf.Timestamp", wire: timestamp(253402300799, 999999999), want: `"9999-12-31T23:59:59.999999999Z"`},
	"zero Timestamp":      {of: "google.protobuf.Timestamp", want: `"1970-01-01T00:00:00Z"`},
	"milliseconds":        {of: "google.protobuf.Timestamp", wire: timestamp(0, 120000000), want: `"1970-01-01T00:00:00.120Z"`},
	"microseconds":        {of: "google.protobuf.Timestamp", wire: timestamp(-1, 1000), want: `"1969-12-31T23:59:59.000001Z"`},
	"nanos first":         {of: "google.protobuf.Timestamp", wire: varint(2, 1) + varint(1, 1), want: `"1970-01-01T00:00:01.000000001Z"`, isLeft: true},
	"Timestamp before":    {of: "google.protobuf.Timestamp", wire: timestamp(-62135596801, 0), wrong: "out of range", isLeft: true},
	"Timestamp after":     {of: "google.protobuf.Timestamp", wire: timestamp(253402300800, 0), wrong: "out of range", isLeft: true},
	"Timestamp nanos":     {of: "google.protobuf.Timestamp", wire: timestamp(0, 1000000000), wrong: "out of range", isLeft: true},
	"Timestamp below":     {of: "google.protobuf.Timestamp", wire: timestamp(0, -1), wrong: "out of range", isLeft: true},
	"zero Duration":       {of: "google.protobuf.Duration", want: `"0s"`},
	"longest Duration":    {of: "google.protobuf.Duration", wire: timestamp(-315576000000, -999999999), want: `"-315576000000.999999999s"`},
	"less than a second":  {of: "google.protobuf.Duration", wire: timestamp(0, -500000000), want: `"-0.500s"`},
	"Duration too long":   {of: "google.protobuf.Duration", wire: timestamp(315576000001, 0), wrong: "out of range", isLeft: true},
	"Duration of signs":   {of: "google.protobuf.Duration", wire: timestamp(1, -1), wrong: "signs", isLeft: true},
	"mask":                {of: "google.protobuf.FieldMask", wire: text(1, "a_b.c_d") + text(1, "x1"), want: `"aB.cD,x1"`},
	"empty mask":          {of: "google.protobuf.FieldMask", want: `""`},
	"mask from capital":   {of: "google.protobuf.FieldMask", wire: text(1, "_a"), want: `"A"`},
	"mask irreversible":   {of: "google.protobuf.FieldMask", wire: text(1, "aB"), wrong: "irreversible", isLeft: true},
	"mask of a digit":     {of: "google.protobuf.FieldMask", wire: text(1, "a_1"), wrong: "irreversible", isLeft: true},
	"mask of no name":     {of: "google.protobuf.FieldMask", wire: text(1, "a..b"), wrong: "invalid path", isLeft: true},
	"mask of nothing":     {of: "google.protobuf.FieldMask", wire: text(1), wrong: "invalid path", isLeft: true},
	"wrapped zero":        {of: "kinds.v1.KnownTypes", wire: text(11) + text(9) + text(16) + text(17), want: `{"bool":false,"int64":"0","string":"","bytes":""}`},
	"wrapped twice":       {of: "kinds.v1.KnownTypes", wire: text(10, varint(1, 1), varint(1, 2)), want: `{"int32":2}`, isLeft: true},
	"wrapped NaN":         {of: "kinds.v1.KnownTypes", wire: text(15, double(1, math.NaN())), want: `{"double":"NaN"}`},
	"empty Struct":        {of: "kinds.v1.KnownTypes", wire: text(4) + text(6) + text(8), want: `{"struct":{},"list":[],"empty":{}}`},
	"Struct":              {of: "google.protobuf.Value", wire: text(5, text(1, text(1, "b"), text(2, varint(4, 0))), text(1, text(1, "a"), text(2, text(6, text(1, varint(1, 0)), text(1, text(3, "x")))))), want: `{"a":[null,"x"],"b":false}`},
	"Value of two":        {of: "google.protobuf.Value", wire: varint(4, 1) + text(3, "x"), want: `"x"`, isLeft: true},
	"Value of none":       {of: "google.protobuf.Value", wrong: "none of the oneof fields is set", isLeft: true},
	"Value of NaN":        {of: "google.protobuf.Value", wire: double(2, math.NaN()), wrong: "invalid NaN value", isLeft: true},
	"empty Any":           {of: "google.protobuf.Any", want: `{}`},
	"Any":                 {of: "google.protobuf.Any", wire: text(1, "x/kinds.v1.Kinds") + text(2, varint(3, 2), varint(2, 1)), want: `{"@type":"x/kinds.v1.Kinds","anInt32":1,"aSint32":1}`},
	"Any of nothing":      {of: "google.protobuf.Any", wire: text(1, "x/google.protobuf.Empty"), want: `{"@type":"x/google.protobuf.Empty"}`},
	"Any of a known type": {of: "google.protobuf.Any", wire: text(1, "x/google.protobuf.Duration") + text(2, varint(1, 3)), want: `{"@type":"x/google.protobuf.Duration","value":"3s"}`},
	"Any in Any":          {of: "google.protobuf.Any", wire: text(1, "x/google.protobuf.Any") + text(2, text(1, "x/kinds.v1.Empty")), want: `{"@type":"x/google.protobuf.Any","value":{"@type":"x/kinds.v1.Empty"}}`},
	"Any without a name":  {of: "google.protobuf.Any", wire: text(2, "x"), wrong: "type_url is not set", isLeft: true},
	"Any unknown":         {of: "google.protobuf.Any", wire: text(1, "x/kinds.v1.None"), wrong: "unable to resolve", isLeft: true},
	"Any that is broken":  {of: "google.protobuf.Any", wire: text(1, "x/kinds.v1.Kinds") + text(2, "\x08"), wrong: "unable to unmarshal", isLeft: true},
	"Any not whole":       {of: "google.protobuf.Any", wire: text(1, "x/kinds.v1.Older"), want: `{"@type":"x/kinds.v1.Older"}`, isLeft: true},
}

func TestCases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, table := range []map[string]testCase{cases, knownTypes} {
		for name, one := range table {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				writer := w.writer(t, one.of)
				if left := agree(t, writer, []byte(one.wire)); left != one.isLeft {
					t.Errorf("left to protojson: %v", left)
				}
				got, err := writer.Append(nil, []byte(one.wire))
				if string(got) != one.want || (err == nil) != (one.wrong == "") || err != nil && !strings.Contains(err.Error(), one.wrong) {
					t.Errorf("got %s, %v; want %s, %q", got, err, one.want, one.wrong)
				}
			})
		}
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer := w.writer(t, "kinds.v1.Kinds")
	nested := func(levels int) []byte {
		wire := ""
		for range levels - 1 {
			wire = text(21, wire)
		}
		return []byte(wire)
	}
	if agree(t, writer, nested(maxDepth)) || !agree(t, writer, nested(maxDepth+1)) {
		t.Errorf("not what is deeper than %d is left to protojson", maxDepth)
	}
	agree(t, writer, nested(protowire.DefaultRecursionLimit))
	if _, err := writer.Append(nil, nested(protowire.DefaultRecursionLimit+1)); err == nil || !strings.Contains(err.Error(), "recursion depth") {
		t.Errorf("deeper than protobuf allows: %v", err)
	}
}

// TestConcurrently compiles and writes at once.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wire := []byte(text(1, "x/kinds.v1.Kinds") + text(2, text(20, text(7, text(1, "x/google.protobuf.Struct")))))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			writer := w.writer(t, "google.protobuf.Any")
			if got, err := writer.Append(nil, wire); err != nil || !strings.Contains(string(got), `"value":{}`) {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
	all.Wait()
}

//nolint:paralleltest // it counts allocations
func TestAllocations(t *testing.T) {
	writer, wire := newPage(t, 9)
	r := &run{types: writer.types, dst: make([]byte, 0, 16<<10)}
	allocated := testing.AllocsPerRun(10, func() {
		r.dst = r.dst[:0]
		if !r.message(writer.message, wire) {
			t.Error("left to protojson")
		}
	})
	if allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}
