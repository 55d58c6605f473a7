package aggregate

import (
	"mime"
	"net/http"
	"strings"
)

// mediaType is the type of an answer without its parameters, for logs. It is empty if what the upstream says is no type, which may be anything.
func mediaType(header http.Header) string {
	const longest = 255 // RFC 6838, section 4.2: two names of 127
	name, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || !strings.Contains(name, "/") || len(name) > longest {
		return ""
	}
	return name
}
