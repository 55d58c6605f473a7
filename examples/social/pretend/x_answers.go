package pretend

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// xAnswer is an answer that is not written yet, so that it can be made while the state is locked and written after.
type xAnswer struct {
	status int
	body   any
}

func (a xAnswer) write(w http.ResponseWriter) {
	if a.status >= http.StatusBadRequest {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	answer(w, a.status, a.body)
}

// xStatus is a problem that says no more than its status.
func xStatus(status int) xAnswer { return xProblem(status, http.StatusText(status)) }

func xProblem(status int, detail string) xAnswer {
	return xAnswer{status: status, body: map[string]any{
		"title": http.StatusText(status), "detail": detail, "type": "about:blank", "status": status,
	}}
}

// xRefuse answers every request with the same problem.
func xRefuse(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { xStatus(status).write(w) }
}

// xInvalid is what a request gets that breaks the rules of its parameters; name is empty for the body as a whole.
func xInvalid(name, value, message string) *xAnswer {
	parameters := map[string]any{}
	if name != "" {
		parameters[name] = []string{value}
	}
	return &xAnswer{status: http.StatusBadRequest, body: map[string]any{
		"title": "Invalid Request", "detail": "One or more parameters to your request was invalid.",
		"type":   "https://api.x.com/2/problems/invalid-request",
		"errors": []any{map[string]any{"parameters": parameters, "message": message}},
	}}
}

// xBadValue is xInvalid for a parameter that X names with its value.
func xBadValue(name, value, complaint string) *xAnswer {
	return xInvalid(name, value, fmt.Sprintf("The `%s` query parameter value [%s] %s", name, value, complaint))
}

// xMissing is how a lookup says that something does not exist: with status 200, and without data.
func xMissing(kind, id string) xAnswer {
	return xAnswer{status: http.StatusOK, body: map[string]any{"errors": []any{map[string]any{
		"value": id, "detail": fmt.Sprintf("Could not find %s with id: [%s].", kind, id), "title": "Not Found Error",
		"resource_type": kind, "parameter": "id", "resource_id": id, "type": "https://api.x.com/2/problems/resource-not-found",
	}}}}
}

// xQuery reads a query whose lists, such as tweet.fields, hold only names that are documented.
func xQuery(r *http.Request, allowed ...string) (url.Values, *xAnswer) {
	query, err := readQuery(r, allowed...)
	if err != nil {
		return nil, xInvalid("", "", err.Error())
	}
	for name := range query {
		known, isList := xLists[name]
		if !isList {
			continue
		}
		for item := range strings.SplitSeq(query.Get(name), ",") {
			if !slices.Contains(known, item) {
				return nil, xBadValue(name, item, "is not one of ["+strings.Join(known, ",")+"]")
			}
		}
	}
	return query, nil
}

// xIsID says whether text is an id: one to nineteen digits.
func xIsID(text string) bool {
	const longest = 19
	return text != "" && len(text) <= longest && strings.Trim(text, "0123456789") == ""
}

// xLists are the parameters that hold lists, with the names that each may hold.
var xLists = map[string][]string{
	"tweet.fields": {
		"attachments", "author_id", "context_annotations", "conversation_id", "created_at", "display_text_range",
		"edit_controls", "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang",
		"non_public_metrics", "note_tweet", "organic_metrics", "possibly_sensitive", "promoted_metrics", "public_metrics",
		"referenced_tweets", "reply_settings", "source", "text", "withheld",
	},
	"user.fields": {
		"created_at", "description", "entities", "id", "location", "most_recent_tweet_id", "name", "pinned_tweet_id",
		"profile_banner_url", "profile_image_url", "protected", "public_metrics", "url", "username", "verified",
		"verified_type", "withheld",
	},
	"expansions": {"author_id", "in_reply_to_user_id", "referenced_tweets.id"},
	"exclude":    {"replies", "retweets"},
}
