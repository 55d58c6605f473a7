package bff

import (
	"context"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/internal/plan"
)

// GetPlan implements adminv1connect.AdminServiceHandler.
func (a admin) GetPlan(_ context.Context, request *connect.Request[adminv1.GetPlanRequest]) (*connect.Response[adminv1.GetPlanResponse], error) {
	w := a.server.current.Load()
	rpcs, err := w.plan.Choose(request.Msg.GetRpc())
	if err != nil {
		return nil, connect.NewError(connect.CodeNotFound, err)
	}
	var text strings.Builder
	if request.Msg.GetFormat() == adminv1.PlanFormat_PLAN_FORMAT_MERMAID {
		err = plan.WriteMermaid(&text, rpcs)
	} else {
		err = plan.WriteText(&text, rpcs)
	}
	if err != nil {
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	return connect.NewResponse(&adminv1.GetPlanResponse{PlanDigest: w.plan.Digest, Text: text.String()}), nil
}

// ListDrifts implements adminv1connect.AdminServiceHandler.
func (a admin) ListDrifts(context.Context, *connect.Request[adminv1.ListDriftsRequest]) (*connect.Response[adminv1.ListDriftsResponse], error) {
	told := &adminv1.ListDriftsResponse{}
	for _, drift := range a.server.Drifts() {
		told.Drifts = append(told.Drifts, &adminv1.Drift{
			File: drift.At.File, Line: int32(drift.At.Line), Column: int32(drift.At.Column), Upstream: drift.Upstream, Path: drift.Path,
			Expected: drift.Expected, Found: drift.Found, Sample: drift.Sample, Count: int64(drift.Count),
			FirstTime: timestamppb.New(drift.First), LastTime: timestamppb.New(drift.Last),
		})
	}
	return connect.NewResponse(told), nil
}
