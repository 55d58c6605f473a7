package source

import (
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/config/v1"
)

// TestForms: every pattern of the vocabulary has plain words.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, file := range []protoreflect.FileDescriptor{configv1.File_sheaf_config_v1_config_proto, configv1.File_sheaf_config_v1_binding_proto} {
		for i := range file.Messages().Len() {
			fields := file.Messages().Get(i).Fields()
			for j := range fields.Len() {
				rules, err := protovalidate.ResolveFieldRules(fields.Get(j))
				if err != nil {
					t.Fatal(err)
				}
				pattern := rules.GetString().GetPattern()
				if _, known := forms[pattern]; pattern != "" && !known {
					t.Errorf("%s: no plain words for %s", fields.Get(j).FullName(), pattern)
				}
			}
		}
	}
}
