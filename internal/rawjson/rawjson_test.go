package rawjson_test

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sheaf-rpc/sheaf/internal/rawjson"
)

// FuzzWalk holds what is found in any valid document against what jsontext finds, on every level; and nothing panics on any other.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{
		`{"a": 1, "b\"": "x\\", "c": {"d": [1, "]", {"e": "}"}]}, "\u00e9\n": "\ud83d\ude00\/\b\f\r\t", "f" : true , "g":null}`, ` [ 1 , -2.5e3,"" , [ ] , { } ] `, `[]`, `{}`, `"a"`, `1`,
		`["` + "\u00fb\u00fd\u00a2" + `", [[[[1111111111111111, 2222222222222222]]]]]`, `{"a"`, `["\`, `["\u12`, `["\u`, `{"a":}`, `[}`, `["\ud83d"]`, `["\\\\\"]", "]"]`, `[1 2]`, `{[1]:2}`, `{"a" "b"}`, `["x]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.TrimSpace(text)
		if !jsontext.Value(text).IsValid() {
			walk := rawjson.Over(text)
			for walk.Next() {
				continue // it ends
			}
			return
		}
		compare(t, text)
	})
}

// compare holds one value against its tokens.
func compare(t *testing.T, text []byte) {
	t.Helper()
	switch kind := jsontext.Value(text).Kind(); kind {
	case jsontext.KindString:
		want, err := jsontext.AppendUnquote(nil, text)
		if got := rawjson.Unquoted(text); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s says %q, want %q (%v)", text, got, want, err)
		}
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		decoder := jsontext.NewDecoder(bytes.NewBuffer(text))
		_, _ = decoder.ReadToken()
		walk := rawjson.Over(text)
		for decoder.PeekKind() != jsontext.KindEndObject && decoder.PeekKind() != jsontext.KindEndArray {
			if !walk.Next() {
				t.Fatalf("walk over %s ends early", text)
			}
			if kind == jsontext.KindBeginObject {
				name, err := decoder.ReadValue()
				if err != nil || !bytes.Equal(walk.Name, name) {
					t.Fatalf("walk over %s is at %s, want %s (%v)", text, walk.Name, name, err)
				}
				compare(t, name.Clone())
			}
			value, err := decoder.ReadValue()
			if err != nil || !bytes.Equal(walk.Value, value) {
				t.Fatalf("walk over %s is at %s, want %s (%v)", text, walk.Value, value, err)
			}
			compare(t, walk.Value)
		}
		if walk.Next() {
			t.Fatalf("walk over %s does not end", text)
		}
	}
}
