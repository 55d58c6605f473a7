package compile

import (
	"slices"
	"strings"

	"github.com/sheaf-rpc/sheaf/internal/diag"
	"github.com/sheaf-rpc/sheaf/internal/expr"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkSignature refuses a signature that signs nothing of a request, or is not sent.
func (d *draft) checkSignature(hmac *source.Node) {
	text, value := hmac.Get("text"), hmac.Get("value")
	if d.checkHoles(text, append([]string{"method", "host", "path", "query", "body", "body_sha256"}, timestampHole)) && d.checkSigned(text, hmac.Get("header")) == 0 {
		d.report(text, "write what is signed, such as ${method} ${path} ${timestamp} ${body_sha256}", "text has no holes, so that all requests have the same signature")
	}
	if d.checkHoles(value, []string{signatureHole, timestampHole}) && !isOpen(value.Text) && !strings.Contains(value.Text, "${"+signatureHole) {
		d.report(value, "write ${signature} where it belongs", "value holds no signature, so that none is sent")
	}
}

// checkSigned refuses headers that are not there when a request is signed, and counts the holes.
func (d *draft) checkSigned(text, own *source.Node) int {
	parts, _ := expr.ParseTemplate(text.Text) // a mistake is reported already
	holes := 0
	for _, part := range parts {
		if part.Hole != "" {
			holes++
		}
		header, isHeader := strings.CutPrefix(part.Hole, "header.")
		_, late := unsendable[strings.ToLower(header)]
		switch {
		case !isHeader:
		case strings.EqualFold(header, "host"):
			d.problems.Add(text.At(part.Offset), len(part.Hole), "write it as host", "header %q is not there when a request is signed", header)
		case late || own != nil && strings.EqualFold(header, own.Text):
			d.problems.Add(text.At(part.Offset), len(part.Hole), "remove it", "header %q is not there when a request is signed", header)
		}
	}
	return holes
}

const (
	signatureHole = "signature"
	timestampHole = "timestamp"
)

// checkHoles refuses a text of a signature with a hole that nothing fills. It reports whether there is a text, and nothing is wrong with it.
func (d *draft) checkHoles(node *source.Node, known []string) bool {
	if node == nil {
		return false
	}
	before := len(d.problems)
	parts, mistake := expr.ParseTemplate(node.Text)
	if mistake != nil {
		d.problems.Add(node.At(mistake.Offset), mistake.Width, mistake.Hint, "%s", mistake.Message)
		return false
	}
	signsRequest := slices.Contains(known, "method")
	for _, part := range parts {
		header, isHeader := strings.CutPrefix(part.Hole, "header.")
		switch {
		case part.Hole == "" || slices.Contains(known, part.Hole) || strings.HasPrefix(part.Hole, "env."):
		case isHeader && signsRequest && isToken(header):
		case isHeader && signsRequest:
			d.problems.Add(node.At(part.Offset), len(part.Hole), "write it as header.X-Date", "%q is no header name", header)
		default:
			d.problems.Add(node.At(part.Offset), len(part.Hole), diag.DidYouMean("holes", part.Hole, known), "unknown hole %q", part.Hole)
		}
	}
	return len(d.problems) == before
}
