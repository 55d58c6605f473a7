package upstreams

import (
	"errors"
	"maps"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
)

// end is how a call ended, as spans and measurements tell it. Status is 0 without an answer, and failure is empty with a good one.
type end struct {
	method, failure string
	status          int
}

// endOf is how a call ended.
func endOf(method string, answer *Answer, err error) end {
	if answer != nil {
		return end{method: method, status: answer.Status}
	}
	failure, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return end{method: method, failure: semconv.ErrorTypeOther.Value.AsString()}
	case failure.Status != 0:
		return end{method: method, status: failure.Status, failure: strconv.Itoa(failure.Status)}
	default:
		return end{method: method, failure: errorType(failure)}
	}
}

// attributes are those that say how a call ended.
func (e end) attributes() []attribute.KeyValue {
	var attributes []attribute.KeyValue
	if e.status != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(e.status))
	}
	if e.failure != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String(e.failure))
	}
	return attributes
}

// errorType is a low-cardinality name of an error without a status.
func errorType(failure *Error) string {
	if _, ok := errors.AsType[*net.DNSError](failure.Err); ok {
		return "dns"
	}
	if untrusted(failure.Err) != nil {
		return "certificate"
	}
	return string(failure.Kind)
}

// ends are the attributes of the ends that have been seen, ready for measurements: there are as many as methods and statuses.
type ends struct {
	known atomic.Pointer[map[end][]metric.RecordOption] // never changed, but replaced
	mu    sync.Mutex                                    // held to replace it
}

// options are those with which an end is measured, with the attributes that all calls share.
func (e *ends) options(of end, common []attribute.KeyValue) []metric.RecordOption {
	if known := e.known.Load(); known != nil {
		if options, ok := (*known)[of]; ok {
			return options
		}
	}
	attributes := append(of.attributes(), semconv.HTTPRequestMethodKey.String(of.method))
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(append(attributes, common...)...))}
	e.mu.Lock()
	defer e.mu.Unlock()
	more := map[end][]metric.RecordOption{of: options}
	if known := e.known.Load(); known != nil {
		maps.Copy(more, *known)
	}
	e.known.Store(&more)
	return options
}
