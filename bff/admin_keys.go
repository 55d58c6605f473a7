package bff

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/sheaf-rpc/sheaf/gen/sheaf/admin/v1"
	"github.com/sheaf-rpc/sheaf/internal/store"
)

// keysOf are the keys of a provider of the current world, which may be unnamed if it is the only one.
func (a admin) keysOf(provider string) (*Keys, error) {
	w := a.server.current.Load()
	chosen, err := chooseKeyProvider(w.identityProviders(), provider)
	if err != nil {
		return nil, keyFailure(err)
	}
	keys := w.apiKeys(chosen.Name)
	return &Keys{provider: chosen.Name, store: keys.Store(), changed: keys.Forget}, nil
}

// CreateKey implements adminv1connect.AdminServiceHandler.
func (a admin) CreateKey(ctx context.Context, request *connect.Request[adminv1.CreateKeyRequest]) (*connect.Response[adminv1.CreateKeyResponse], error) {
	keys, err := a.keysOf(request.Msg.GetProvider())
	if err != nil {
		return nil, err
	}
	var expires time.Time
	if at := request.Msg.GetExpireTime(); at != nil {
		expires = at.AsTime()
	}
	caller := KeyCaller{ID: request.Msg.GetCaller(), Scopes: request.Msg.GetScopes(), Claims: request.Msg.GetClaims()}
	key, text, err := keys.Create(ctx, caller, expires)
	if err != nil {
		return nil, keyFailure(err)
	}
	response := connect.NewResponse(&adminv1.CreateKeyResponse{Secret: text, Key: keyMessage(key)})
	response.Header().Set("Cache-Control", "no-store")
	return response, nil
}

// ListKeys implements adminv1connect.AdminServiceHandler.
func (a admin) ListKeys(ctx context.Context, request *connect.Request[adminv1.ListKeysRequest]) (*connect.Response[adminv1.ListKeysResponse], error) {
	keys, err := a.keysOf(request.Msg.GetProvider())
	if err != nil {
		return nil, err
	}
	all, err := keys.List(ctx)
	if err != nil {
		return nil, keyFailure(err)
	}
	told := &adminv1.ListKeysResponse{}
	for _, key := range all {
		told.Keys = append(told.Keys, keyMessage(key))
	}
	return connect.NewResponse(told), nil
}

// RevokeKey implements adminv1connect.AdminServiceHandler.
func (a admin) RevokeKey(ctx context.Context, request *connect.Request[adminv1.RevokeKeyRequest]) (*connect.Response[adminv1.RevokeKeyResponse], error) {
	keys, err := a.keysOf(request.Msg.GetProvider())
	if err != nil {
		return nil, err
	}
	revoked, err := keys.Revoke(ctx, request.Msg.GetPrefix())
	if err != nil {
		return nil, keyFailure(err)
	}
	return connect.NewResponse(&adminv1.RevokeKeyResponse{Key: keyMessage(revoked)}), nil
}

// keyFailure is what an operator is told of keys that cannot be made, found or kept.
func keyFailure(err error) *connect.Error {
	switch {
	case errors.Is(err, ErrInvalidKey):
		return connect.NewError(connect.CodeInvalidArgument, err)
	case errors.Is(err, ErrUnknownKey):
		return connect.NewError(connect.CodeNotFound, err)
	case errors.Is(err, store.ErrAway):
		return connect.NewError(connect.CodeUnavailable, err)
	default:
		return connect.NewError(connect.CodeInternal, err)
	}
}

func keyMessage(key *APIKey) *adminv1.Key {
	return &adminv1.Key{
		Provider: key.Provider, Prefix: key.Prefix, Caller: key.Caller.ID, Scopes: key.Caller.Scopes, Claims: key.Caller.Claims,
		CreateTime: timestampOf(key.Created), ExpireTime: timestampOf(key.Expires), RevokeTime: timestampOf(key.Revoked),
	}
}

// timestampOf is a time; nil for none.
func timestampOf(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}
