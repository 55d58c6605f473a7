package edge

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/cors"
)

// CORS says which pages of other origins may call.
type CORS struct {
	// Origins are exact, as browsers send them, or * alone.
	Origins []string
	// Headers are those that pages may send, and ExposeHeaders those that they may read, besides those of the protocols.
	Headers, ExposeHeaders []string
	// Credentials lets browsers send what they add by themselves, such as certificates.
	Credentials bool
	// MaxAge is how long browsers may remember the answer to a preflight.
	MaxAge time.Duration
}

// Origins are the pages of other origins that may call (Fetch, section 3.3). The answers are made beforehand: they name all methods and
// headers, and it is the browser that compares. Nothing changes Origins.
type Origins struct {
	listed map[string]bool
	all    bool
	// preflight and actual are the headers of answers, but for the origin.
	preflight, actual http.Header
	protection        *http.CrossOriginProtection
}

// NewOrigins makes the answers. The error says which origin is none.
func NewOrigins(config CORS) (*Origins, error) {
	o := &Origins{listed: map[string]bool{}, protection: http.NewCrossOriginProtection(), preflight: http.Header{}, actual: http.Header{}}
	for _, origin := range config.Origins {
		if origin == "*" {
			o.all = true
			continue
		}
		o.listed[origin] = true
		if config.Credentials {
			if err := o.protection.AddTrustedOrigin(origin); err != nil {
				return nil, err
			}
		}
	}
	o.preflight.Set("Access-Control-Allow-Methods", strings.Join(cors.AllowedMethods(), ", "))
	o.preflight.Set("Access-Control-Allow-Headers", list(cors.AllowedHeaders(), config.Headers))
	o.preflight.Set("Access-Control-Max-Age", strconv.Itoa(int(config.MaxAge.Seconds())))
	o.actual.Set("Access-Control-Expose-Headers", list(cors.ExposedHeaders(), config.ExposeHeaders))
	if config.Credentials && !o.all {
		o.preflight.Set("Access-Control-Allow-Credentials", "true")
		o.actual.Set("Access-Control-Allow-Credentials", "true")
	}
	return o, nil
}

// list are names of headers, each once.
func list(some, more []string) string {
	var names []string
	for _, name := range slices.Concat(some, more) {
		if name = http.CanonicalHeaderKey(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// admit sets the headers for pages, and reports whether the request was a preflight, which is then answered. Without Origins, or for
// an origin that may not call, there are none, so that the browser refuses. Origins may be nil.
func (o *Origins) admit(w http.ResponseWriter, r *http.Request) (answered bool) {
	if o == nil {
		return false
	}
	header, origin := w.Header(), r.Header["Origin"]
	if !o.all {
		header["Vary"] = append(header["Vary"], "Origin") // of every answer: whoever keeps it must not give it to another origin
	}
	isPreflight := r.Method == http.MethodOptions && len(origin) == 1 && r.Header.Get("Access-Control-Request-Method") != ""
	if len(origin) == 1 && o.may(origin[0]) {
		o.allow(header, origin, isPreflight)
	}
	if isPreflight {
		w.WriteHeader(http.StatusNoContent)
	}
	return isPreflight
}

func (o *Origins) may(origin string) bool { return o.all || o.listed[origin] }

// anyOrigin is the origin of all pages.
var anyOrigin = []string{"*"}

func (o *Origins) allow(header http.Header, origin []string, isPreflight bool) {
	header["Access-Control-Allow-Origin"] = origin
	if o.all {
		header["Access-Control-Allow-Origin"] = anyOrigin
	}
	more := o.actual
	if isPreflight {
		more = o.preflight
	}
	maps.Copy(header, more)
}

// mayAct reports whether a request may use what its browser has added by itself, which is a certificate: a page of another origin may
// only if it is listed, and with credentials. What a page adds itself, such as Authorization, it has to know. Origins may be nil.
func (o *Origins) mayAct(r *http.Request) bool {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return true
	}
	protection := http.NewCrossOriginProtection()
	if o != nil {
		protection = o.protection
	}
	return protection.Check(r) == nil
}
