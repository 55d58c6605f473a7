package bff

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/internal/policy"
)

// maxUsagePage bounds the rows of usage that are told at once.
const maxUsagePage = 1000

// ListUsage implements adminv1connect.AdminServiceHandler.
func (a admin) ListUsage(_ context.Context, request *connect.Request[adminv1.ListUsageRequest]) (*connect.Response[adminv1.ListUsageResponse], error) {
	size := int(request.Msg.GetPageSize())
	if size <= 0 || size > maxUsagePage {
		size = maxUsagePage
	}
	rows := slices.DeleteFunc(a.server.usage.Rows(), func(row policy.UsageRow) bool { return !isAsked(request.Msg, &row) })
	if token := request.Msg.GetPageToken(); token != "" {
		last, err := readUsageToken(token)
		if err != nil {
			return nil, connect.NewError(connect.CodeInvalidArgument, err)
		}
		rows = slices.DeleteFunc(rows, func(row policy.UsageRow) bool { return row.Compare(last) <= 0 })
	}
	told := &adminv1.ListUsageResponse{}
	for i := range rows[:min(size, len(rows))] {
		told.Usage = append(told.Usage, usageMessage(&rows[i]))
	}
	if len(rows) > size {
		told.NextPageToken = usageToken(rows[size-1])
	}
	return connect.NewResponse(told), nil
}

// isAsked reports whether a request is about a row.
func isAsked(request *adminv1.ListUsageRequest, row *policy.UsageRow) bool {
	isOf := func(want, got string) bool { return want == "" || want == got }
	start, end := request.GetStartTime(), request.GetEndTime()
	return isOf(request.GetProvider(), row.Provider) && isOf(request.GetCaller(), row.Caller) && isOf(request.GetRpc(), row.RPC) &&
		(start == nil || row.Hour.Add(time.Hour).After(start.AsTime())) && (end == nil || row.Hour.Before(end.AsTime()))
}

func usageMessage(row *policy.UsageRow) *adminv1.Usage {
	return &adminv1.Usage{
		Hour: timestamppb.New(row.Hour), Provider: row.Provider, Caller: row.Caller, Rpc: row.RPC, Rest: row.Rest,
		Calls: row.Calls, Refusals: row.Refusals, Failures: row.Failures,
	}
}

// usageToken says which row was told last: rows come and go between two pages, and their order stays.
func usageToken(last policy.UsageRow) string {
	last.UsageCounts = policy.UsageCounts{}
	text, _ := json.Marshal(last) // texts, numbers and times have a JSON form
	return base64.RawURLEncoding.EncodeToString(text)
}

func readUsageToken(token string) (policy.UsageRow, error) {
	var last policy.UsageRow
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(text, &last) != nil {
		return last, errors.New("page_token is none of this server's")
	}
	return last, nil
}
