package source

import (
	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/gofeaturespb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"google.golang.org/protobuf/types/pluginpb"

	sheafv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/v1"
)

// builtIns are the files that a contract may import without having them. A file of the contract's own at the same path
// wins, for what is built in and imports it as well.
var builtIns = []protoreflect.FileDescriptor{
	anypb.File_google_protobuf_any_proto,
	apipb.File_google_protobuf_api_proto,
	pluginpb.File_google_protobuf_compiler_plugin_proto,
	descriptorpb.File_google_protobuf_descriptor_proto,
	durationpb.File_google_protobuf_duration_proto,
	emptypb.File_google_protobuf_empty_proto,
	fieldmaskpb.File_google_protobuf_field_mask_proto,
	gofeaturespb.File_google_protobuf_go_features_proto,
	sourcecontextpb.File_google_protobuf_source_context_proto,
	structpb.File_google_protobuf_struct_proto,
	timestamppb.File_google_protobuf_timestamp_proto,
	typepb.File_google_protobuf_type_proto,
	wrapperspb.File_google_protobuf_wrappers_proto,
	code.File_google_rpc_code_proto,
	errdetails.File_google_rpc_error_details_proto,
	status.File_google_rpc_status_proto,
	validate.File_buf_validate_validate_proto,
	sheafv1.File_sheaf_v1_partial_proto,
}

// builtIn is the built-in file at a path, or nil.
func builtIn(name string) protoreflect.FileDescriptor {
	for _, file := range builtIns {
		if file.Path() == name {
			return file
		}
	}
	return nil
}

// findBuiltIn resolves imports that are built in.
func findBuiltIn(name string) (protocompile.SearchResult, error) {
	if file := builtIn(name); file != nil {
		return protocompile.SearchResult{Desc: file}, nil
	}
	return protocompile.SearchResult{}, protoregistry.NotFound
}

func builtInNames() []string {
	names := make([]string, len(builtIns))
	for i, file := range builtIns {
		names[i] = file.Path()
	}
	return names
}
