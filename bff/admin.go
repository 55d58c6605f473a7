package bff

import (
	"context"
	"errors"
	"net"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1/adminv1connect"
	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// AdminListen is the address that the project's sheaf.yaml named at the start for the admin API; empty for none.
func (s *Server) AdminListen() string { return s.started.Admin.Listen }

// AdminTLS reports whether the newest files let the admin API speak TLS.
func (s *Server) AdminTLS() bool { return s.current.Load().plan.Server.Admin.TLS != nil }

// ServeAdmin answers operators on a listener, as Serve does clients. Without a token in sheaf.yaml it refuses everything.
func (s *Server) ServeAdmin(ctx context.Context, listener net.Listener) error {
	return s.serve(ctx, &acceptor{listener, s, ofAdmin}, s.atEdge(ofAdmin, s.adminHandler()))
}

// adminHandler answers operators.
func (s *Server) adminHandler() http.Handler {
	mux, service := http.NewServeMux(), adminv1.File_sheaf_admin_v1_admin_proto.Services().Get(0)
	path, handler := adminv1connect.NewAdminServiceHandler(admin{s},
		withStrictJSON(), atMost(smallRequest), connect.WithInterceptors(s.observer.observe(methodsOf(service)...), s.audit(), policy.Recover(s.settings.logger)))
	mux.Handle(path, s.auditUnread(handler))
	if s.settings.metrics != nil {
		mux.Handle("GET /metrics", s.settings.metrics)
	}
	return s.forOperators(mux)
}

// admin is the admin API.
type admin struct{ server *Server }

var _ adminv1connect.AdminServiceHandler = admin{}

// Reload implements adminv1connect.AdminServiceHandler.
func (a admin) Reload(ctx context.Context, _ *connect.Request[adminv1.ReloadRequest]) (*connect.Response[adminv1.ReloadResponse], error) {
	reloaded, err := a.server.Reload(ctx)
	if wrong, ok := errors.AsType[*AuthorError](err); ok {
		told := connect.NewError(connect.CodeFailedPrecondition, wrong)
		policy.AddDetail(told, &adminv1.Problems{Problems: problemMessages(wrong.Problems)})
		return nil, told
	}
	if err != nil {
		return nil, connect.NewError(connect.CodeInternal, err)
	}
	return connect.NewResponse(&adminv1.ReloadResponse{
		PlanDigest: reloaded.Digest, PreviousPlanDigest: reloaded.Before, Rpcs: int32(reloaded.RPCs), NeedRestart: reloaded.NeedRestart,
	}), nil
}

// GetStatus implements adminv1connect.AdminServiceHandler.
func (a admin) GetStatus(context.Context, *connect.Request[adminv1.GetStatusRequest]) (*connect.Response[adminv1.GetStatusResponse], error) {
	status := a.server.Status()
	told := &adminv1.GetStatusResponse{
		PlanDigest: status.Digest, StartTime: timestamppb.New(status.StartedAt), LoadTime: timestamppb.New(status.LoadedAt), Rpcs: int32(status.RPCs),
	}
	if failure := status.Failure; failure != nil {
		told.ReloadFailure = &adminv1.ReloadFailure{Time: timestamppb.New(failure.At), Message: failure.Err.Error()}
		if wrong, ok := errors.AsType[*AuthorError](failure.Err); ok {
			told.ReloadFailure.Problems = problemMessages(wrong.Problems)
		}
	}
	for _, upstream := range status.Upstreams {
		told.Upstreams = append(told.Upstreams, &adminv1.UpstreamStatus{
			Name: upstream.Name, Breaker: breakerStates[upstream.Breaker], Addresses: addressMessages(upstream.Addresses),
		})
	}
	return connect.NewResponse(told), nil
}

// breakerStates are the states of package upstreams.
var breakerStates = map[string]adminv1.BreakerState{
	"closed":    adminv1.BreakerState_BREAKER_STATE_CLOSED,
	"half-open": adminv1.BreakerState_BREAKER_STATE_HALF_OPEN,
	"open":      adminv1.BreakerState_BREAKER_STATE_OPEN,
}

// addressStates are the states of package upstreams.
var addressStates = map[string]adminv1.AddressState{
	"well":    adminv1.AddressState_ADDRESS_STATE_WELL,
	"ill":     adminv1.AddressState_ADDRESS_STATE_ILL,
	"ejected": adminv1.AddressState_ADDRESS_STATE_EJECTED,
}

func addressMessages(addresses []AddressStatus) []*adminv1.AddressStatus {
	var told []*adminv1.AddressStatus
	for _, one := range addresses {
		message := &adminv1.AddressStatus{Address: one.Address, State: addressStates[one.State], UnderWay: int32(one.UnderWay)}
		if !one.Until.IsZero() {
			message.EjectedUntil = timestamppb.New(one.Until)
		}
		told = append(told, message)
	}
	return told
}

func problemMessages(problems diag.Problems) []*adminv1.Problem {
	var told []*adminv1.Problem
	for _, problem := range problems {
		told = append(told, &adminv1.Problem{
			File: problem.Position.File, Line: int32(problem.Position.Line), Column: int32(problem.Position.Column), Message: problem.Message, Hint: problem.Hint,
		})
	}
	return told
}
