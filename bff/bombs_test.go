package bff_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// bombOf is so many bytes of JSON that are nearly nothing as gzip.
func bombOf(t *testing.T, size int) []byte {
	t.Helper()
	var bomb bytes.Buffer
	writer, err := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for written := 0; written < size; written += len(spaces) {
		if _, err := writer.Write(spaces); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return bomb.Bytes()
}

// TestBombs: of a compressed request, no more is decompressed than a request may have, whoever asks, and whatever for.
func TestBombs(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	h := lists(t, "")
	const size = 64 << 20
	bomb := bombOf(t, size)
	var enveloped bytes.Buffer
	enveloped.Write([]byte{1, byte(len(bomb) >> 24), byte(len(bomb) >> 16), byte(len(bomb) >> 8), byte(len(bomb))})
	enveloped.Write(bomb)
	query := url.Values{"encoding": {"json"}, "compression": {"gzip"}, "base64": {"1"}, "message": {base64.RawURLEncoding.EncodeToString(bombOf(t, size/2))}}
	const check, reflect = "/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	for name, request := range map[string]struct {
		path, contentType, encoding string
		body                        []byte
	}{
		"connect":        {countItems, "application/json", "Content-Encoding", bomb},
		"connect get":    {countItems + "?connect=v1&" + query.Encode(), "", "", nil},
		"grpc":           {countItems, "application/grpc+json", "Grpc-Encoding", enveloped.Bytes()},
		"grpc-web":       {countItems, "application/grpc-web+json", "Grpc-Encoding", enveloped.Bytes()},
		"health":         {check, "application/json", "Content-Encoding", bomb},
		"health of grpc": {check, "application/grpc", "Grpc-Encoding", enveloped.Bytes()},
		"watch":          {"/grpc.health.v1.Health/Watch", "application/grpc", "Grpc-Encoding", enveloped.Bytes()},
		"reflection":     {reflect, "application/grpc", "Grpc-Encoding", enveloped.Bytes()},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := send(t, h, request.path, request.contentType, request.encoding, request.body)
		runtime.ReadMemStats(&after)
		if !strings.Contains(got, "larger than configured max") {
			t.Errorf("%s: %s", name, got)
		}
		for _, whole := range []int{size, size / 2} {
			if strings.Contains(got, strconv.Itoa(whole)) {
				t.Errorf("%s: all of it has been decompressed: %s", name, got)
			}
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost >= size { // buffers that grow, and with -race are not pooled, are half of that
			t.Errorf("%s: %d MiB", name, cost>>20)
		}
	}
}

// send sends a compressed request, and returns what the server says of it.
func send(t *testing.T, h *house, path, contentType, encoding string, body []byte) string {
	t.Helper()
	method, client := http.MethodPost, h.h2c
	if body == nil {
		method, client = http.MethodGet, h.http1
	}
	request, err := http.NewRequestWithContext(withDeadline(t), method, h.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set(encoding, "gzip")
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	told, _ := io.ReadAll(response.Body) // a refused request may end its stream
	text, _ := url.PathUnescape(response.Header.Get("Grpc-Message") + response.Trailer.Get("Grpc-Message") + string(told))
	return text
}
