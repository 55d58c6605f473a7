package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	benchv1 "github.com/sheaf-rpc/sheaf/bench/gen/bench/v1"
	"github.com/sheaf-rpc/sheaf/bench/internal/cases"
	"github.com/sheaf-rpc/sheaf/bench/internal/hand"
	"github.com/sheaf-rpc/sheaf/bench/internal/load"
	"github.com/sheaf-rpc/sheaf/bench/internal/token"
	"github.com/sheaf-rpc/sheaf/bench/internal/upstream"
)

// front is what a client sends to a subject in a case. All get the same headers.
func (s *subject) front(c *cases.Case, address string) (load.Request, error) {
	request := load.Request{
		Method: http.MethodPost, URL: "http://" + address + "/bench.v1.ShopService/" + c.RPC, HTTP2: c.Protocol == cases.GRPC,
		Header: map[string]string{"Authorization": "Bearer " + token.New()},
	}
	switch s.answers {
	case asBodies:
		request.URL = "http://" + address + "/" + c.Key()
	case asJSON:
		request.Method, request.URL, request.HTTP2 = http.MethodGet, "http://"+address+c.KrakenD, false
		return request, nil
	case asMessages:
	}
	return request, encode(&request, c)
}

// encode puts the message of a case into a request.
func encode(request *load.Request, c *cases.Case) (err error) {
	switch c.Protocol {
	case cases.ConnectJSON:
		request.Header["Content-Type"] = "application/json"
		request.Body, err = protojson.Marshal(c.Request)
	case cases.GRPC:
		request.Header["Content-Type"] = "application/grpc"
		request.Header["Te"] = "trailers"
		request.Body, err = proto.Marshal(c.Request)
	case cases.ConnectProto:
		request.Header["Content-Type"] = "application/proto"
		request.Body, err = proto.Marshal(c.Request)
	}
	if c.Protocol != cases.GRPC {
		request.Header["Connect-Protocol-Version"] = "1"
	}
	return err
}

// check compares a subject's answer with what it has to be, so that nobody measures an error page.
func (s *subject) check(c *cases.Case, answer []byte, expected proto.Message) error {
	switch s.answers {
	case asBodies:
		return checkBodies(c, answer)
	case asJSON:
		return checkJSON(c, answer, expected)
	case asMessages:
	}
	got := proto.Clone(c.Response)
	var err error
	if c.Protocol == cases.ConnectJSON {
		err = protojson.Unmarshal(answer, got)
	} else {
		err = proto.Unmarshal(answer, got)
	}
	if err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	if !proto.Equal(withoutCauses(got), withoutCauses(expected)) {
		return fmt.Errorf("answer differs:\ngot  %v\nwant %v", got, expected)
	}
	return nil
}

// withoutCauses leaves out why something is missing, which an upstream's breaker changes; what is missing stays.
func withoutCauses(message proto.Message) proto.Message {
	product, ok := message.(*benchv1.GetProductResponse)
	if !ok {
		return message
	}
	product = proto.CloneOf(product)
	for _, missing := range product.GetPartial().GetMissingCalls() {
		missing.Code, missing.Retryable, missing.RetryAfter = 0, false, nil
	}
	return product
}

func checkBodies(c *cases.Case, answer []byte) error {
	var want []byte
	answers := upstream.Answers()
	for _, path := range c.Gets {
		want = append(want, answers[upstream.Path(path)]...)
	}
	if !bytes.Equal(answer, want) {
		return fmt.Errorf("the answer of %d bytes is not the services' of %d bytes", len(answer), len(want))
	}
	return nil
}

// checkJSON finds each value of the message in an answer of another shape, but for those that are beyond who gives it.
func checkJSON(c *cases.Case, answer []byte, expected proto.Message) error {
	text, err := protojson.Marshal(withoutCauses(expected))
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	var want map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	for _, name := range append(c.Beyond, "partial") {
		delete(want, name)
	}
	var got any
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	left := map[string]int{}
	count(got, left, 1)
	count(want, left, -1)
	for value, surplus := range left {
		if surplus < 0 {
			return fmt.Errorf("the answer lacks %q: %s", value, answer)
		}
	}
	return nil
}

// count adds to how often each value is within JSON. A 64-bit integer is a text in Protobuf's JSON.
func count(value any, counts map[string]int, by int) {
	switch value := value.(type) {
	case map[string]any:
		for _, member := range value {
			count(member, counts, by)
		}
	case []any:
		for _, element := range value {
			count(element, counts, by)
		}
	case float64:
		counts[strconv.FormatFloat(value, 'f', -1, 64)] += by
	default:
		counts[fmt.Sprint(value)] += by
	}
}

// expect is the message that a case's answer has to be: that of the hand-written handler, called in this process. Its own tests say that
// it is right.
func expect(ctx context.Context, c *cases.Case, baseURL string) (proto.Message, error) {
	var request load.Request
	request.Header = map[string]string{}
	asProto := *c
	asProto.Protocol = cases.ConnectProto
	if err := encode(&request, &asProto); err != nil {
		return nil, err
	}
	call := httptest.NewRequestWithContext(ctx, http.MethodPost, "/bench.v1.ShopService/"+c.RPC, bytes.NewReader(request.Body))
	for name, value := range request.Header {
		call.Header.Set(name, value)
	}
	recorded := httptest.NewRecorder()
	hand.NewHandler(baseURL, json.Unmarshal).ServeHTTP(recorded, call)
	if recorded.Code != http.StatusOK {
		return nil, fmt.Errorf("expect an answer: status %d: %s", recorded.Code, recorded.Body)
	}
	message := proto.Clone(c.Response)
	if err := proto.Unmarshal(recorded.Body.Bytes(), message); err != nil {
		return nil, fmt.Errorf("expect an answer: %w", err)
	}
	return message, nil
}
