package bff

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
)

// ListShadows implements adminv1connect.AdminServiceHandler.
func (a admin) ListShadows(context.Context, *connect.Request[adminv1.ListShadowsRequest]) (*connect.Response[adminv1.ListShadowsResponse], error) {
	told := &adminv1.ListShadowsResponse{}
	for _, record := range a.server.Shadows() {
		told.Fields = append(told.Fields, &adminv1.ShadowField{
			Route: record.Route, Rpc: record.RPC, Field: record.Field,
			Missing: int64(record.Missing), Extra: int64(record.Extra), Different: int64(record.Different),
			FirstTime: timestamppb.New(record.First), LastTime: timestamppb.New(record.Last),
		})
	}
	return connect.NewResponse(told), nil
}
