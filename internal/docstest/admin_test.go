package docstest_test

import (
	"fmt"
	"regexp"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
)

// adminCall is a request to the admin API: its JSON, and the RPC.
var adminCall = regexp.MustCompile(`^curl -H "Authorization: Bearer \$TOKEN" --json '([^']*)' http://127\.0\.0\.1:9090/sheaf\.admin\.v1\.AdminService/([A-Za-z]+)$`)

// checkAdminCall reads the request as the RPC does.
func checkAdminCall(match []string) error {
	service := adminv1.File_sheaf_admin_v1_admin_proto.Services().ByName("AdminService")
	method := service.Methods().ByName(protoreflect.Name(match[2]))
	if method == nil {
		return fmt.Errorf("no RPC %s", match[2])
	}
	return protojson.Unmarshal([]byte(match[1]), dynamicpb.NewMessage(method.Input()))
}
