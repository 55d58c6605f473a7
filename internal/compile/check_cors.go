package compile

import (
	"net/url"
	"strings"
	"time"

	"github.com/sheaf-rpc/sheaf/internal/plan"
	"github.com/sheaf-rpc/sheaf/internal/source"
)

// checkCORS refuses origins that no browser sends, those that stand for pages nobody knows, and headers that are none.
func (d *draft) checkCORS(node *source.Node) {
	if node == nil {
		return
	}
	origins := node.Get("origins").Items
	for _, at := range origins {
		if at.Text == "*" {
			d.checkEveryOrigin(at, node, len(origins))
			continue
		}
		if message, hint := wrongOrigin(at.Text); message != "" {
			d.report(at, hint, "%q %s", at.Text, message)
		}
	}
	for _, key := range []string{"headers", "expose_headers"} {
		d.checkCORSHeaders(node.Get(key))
	}
}

func (d *draft) checkEveryOrigin(at, node *source.Node, origins int) {
	if origins > 1 {
		d.report(at, "keep it alone, or name each origin", "%q is every origin, so that the others are not needed", at.Text)
	}
	if credentials := node.Get("credentials"); credentials != nil && credentials.Text == "true" {
		d.report(at, "name each origin, or remove credentials", "%q with credentials would let every page act for whoever looks at it", at.Text)
	}
}

func (d *draft) checkCORSHeaders(names *source.Node) {
	if names == nil {
		return
	}
	for _, name := range names.Items {
		if name.Text == "*" || !isToken(name.Text) && !isOpen(name.Text) {
			d.report(name, "name each header", "%q is no header name", name.Text)
		}
	}
}

// wrongOrigin says what is wrong with an origin, and what to do. Browsers send it in one form (RFC 6454, section 6.2), and it is
// compared as it is.
func wrongOrigin(text string) (message, hint string) {
	const example = "write it as https://shop.example"
	if isOpen(text) {
		return "", ""
	}
	origin, err := url.Parse(text)
	switch {
	case text == "null":
		return "is the origin of every page that hides its own", "name the origins of the pages"
	case strings.Contains(text, "*"):
		return "holds a *", "name each origin"
	case err != nil || origin.Scheme == "" || origin.Hostname() == "" || origin.User != nil:
		return "is no origin", example
	case origin.Path != "" || strings.ContainsAny(text, "?#"):
		return "holds more than scheme, host and port", "write it as " + origin.Scheme + "://" + origin.Host
	case !isASCII(text):
		return "is not as browsers send it", "write the host in its ASCII form, xn--..."
	case text != strings.ToLower(text):
		return "is not as browsers send it", "write it as " + strings.ToLower(text)
	case strings.HasSuffix(origin.Host, ":") || origin.Scheme == "http" && origin.Port() == "80" || origin.Scheme == "https" && origin.Port() == "443":
		return "is not as browsers send it", "write it as " + origin.Scheme + "://" + strings.TrimSuffix(origin.Host, ":"+origin.Port())
	default:
		return "", ""
	}
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 0x7e || r < 0x21 }) < 0
}

// freezeCORS is which pages of other origins may call; nil for none.
func (d *draft) freezeCORS() *plan.CORS {
	const defaultAge = 2 * time.Hour
	config := d.project.Config.GetServer().GetCors()
	if config == nil {
		return nil
	}
	frozen := &plan.CORS{
		Origins: config.GetOrigins(), Headers: config.GetHeaders(), ExposeHeaders: config.GetExposeHeaders(),
		Credentials: config.GetCredentials(), MaxAge: defaultAge,
	}
	if age := config.GetMaxAge(); age != nil {
		frozen.MaxAge = age.AsDuration()
	}
	return frozen
}
