package pretend

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// The webhook that the pretend Discord has. Whoever knows its token may write.
const (
	DiscordWebhookID = "1180000000000000001"
	DiscordToken     = "pretend-discord-webhook-token"
	DiscordGuildID   = "1180000000000000002"
	DiscordChannelID = "1180000000000000003"
)

// discordMaxText is the longest content in UTF-16 code units.
const discordMaxText = 2000

// discordPlatform is the webhook API: a webhook's messages, below /api/v10/webhooks/{id}/{token}.
type discordPlatform struct {
	feed

	now func() time.Time
	ids counter
	mux *http.ServeMux
}

func newDiscord(now func() time.Time) *discordPlatform {
	p := &discordPlatform{now: now, ids: counter{last: 1234567890123456788}, mux: http.NewServeMux()}
	const webhook = "/api/v10/webhooks/{id}/{token}"
	p.mux.HandleFunc("POST "+webhook, p.execute)
	p.mux.HandleFunc("GET "+webhook, p.webhook)
	p.mux.HandleFunc("GET "+webhook+"/messages/{message}", p.message)
	p.mux.HandleFunc("DELETE "+webhook+"/messages/{message}", p.drop)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		discordFail(w, http.StatusNotFound, 0, "404: Not Found", nil)
	})
	return p
}

func (p *discordPlatform) seed(posts []Post) {
	for i := range posts {
		posts[i].ID = decimal(p.ids.next())
	}
	p.add(posts...)
}

func (p *discordPlatform) posts() []Post { return p.all() }

func discordFail(w http.ResponseWriter, status, code int, message string, errors any) {
	body := map[string]any{"message": message, "code": code}
	if errors != nil {
		body["errors"] = errors
	}
	answer(w, status, body)
}

func (p *discordPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		discordFail(w, http.StatusUnauthorized, 50027, "Invalid Webhook Token", nil)
	case RateLimited:
		const wait = 64.57
		header := w.Header()
		header.Set("Retry-After", "65")
		header.Set("X-Ratelimit-Limit", "10")
		header.Set("X-Ratelimit-Remaining", "0")
		header.Set("X-Ratelimit-Reset", strconv.FormatFloat(float64(p.now().UnixMilli())/1000+wait, 'f', 3, 64))
		header.Set("X-Ratelimit-Reset-After", "64.57")
		header.Set("X-Ratelimit-Bucket", "abcd1234")
		header.Set("X-Ratelimit-Scope", "user")
		answer(w, http.StatusTooManyRequests, map[string]any{"message": "You are being rate limited.", "retry_after": wait, "global": false})
	default:
		discordFail(w, http.StatusInternalServerError, 0, "500: Internal Server Error", nil)
	}
}

// ServeHTTP implements http.Handler.
func (p *discordPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// admit refuses requests for another webhook.
func (p *discordPlatform) admit(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.PathValue("id") != DiscordWebhookID:
		discordFail(w, http.StatusNotFound, 10015, "Unknown Webhook", nil)
	case r.PathValue("token") != DiscordToken:
		discordFail(w, http.StatusUnauthorized, 50027, "Invalid Webhook Token", nil)
	default:
		return true
	}
	return false
}

func (p *discordPlatform) execute(w http.ResponseWriter, r *http.Request) {
	if !p.admit(w, r) {
		return
	}
	query, err := readQuery(r, "wait", "thread_id")
	if err != nil {
		discordFail(w, http.StatusBadRequest, 50035, "Invalid Form Body", discordLeaf("wait", err.Error()))
		return
	}
	var message struct {
		Content         string `json:"content"`
		Username        string `json:"username"`
		AvatarURL       string `json:"avatar_url"`
		TTS             bool   `json:"tts"`
		Flags           int    `json:"flags"`
		AllowedMentions *struct {
			Parse []string `json:"parse"`
		} `json:"allowed_mentions"`
	}
	switch err := readJSON(r, &message); {
	case err != nil:
		discordFail(w, http.StatusBadRequest, 50109, "The request body contains invalid JSON.", nil)
		return
	case strings.TrimSpace(message.Content) == "":
		discordFail(w, http.StatusBadRequest, 50006, "Cannot send an empty message", nil)
		return
	case len(utf16.Encode([]rune(message.Content))) > discordMaxText:
		discordFail(w, http.StatusBadRequest, 50035, "Invalid Form Body", discordLeaf("content", fmt.Sprintf("Must be %d or fewer in length.", discordMaxText)))
		return
	}
	post := Post{ID: decimal(p.ids.next()), Text: message.Content, CreatedAt: p.now()}
	p.add(post)
	if query.Get("wait") != "true" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, http.StatusOK, discordMessage(post))
}

// discordLeaf is the tree of errors for one field.
func discordLeaf(field, message string) any {
	return map[string]any{field: map[string]any{"_errors": []any{map[string]any{"code": "BASE_TYPE_MAX_LENGTH", "message": message}}}}
}

func discordMessage(post Post) any {
	return map[string]any{
		"id": post.ID, "type": 0, "content": post.Text, "channel_id": DiscordChannelID,
		"author":      map[string]any{"bot": true, "id": DiscordWebhookID, "username": "Pretend hook", "avatar": nil},
		"attachments": []any{}, "embeds": []any{}, "mentions": []any{}, "pinned": false, "tts": false,
		"timestamp": post.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000+00:00"), "edited_timestamp": nil, "flags": 0, "webhook_id": DiscordWebhookID,
		"reactions": []any{map[string]any{"count": post.Likes, "emoji": map[string]any{"id": nil, "name": "👍"}}},
	}
}

func (p *discordPlatform) message(w http.ResponseWriter, r *http.Request) {
	if !p.admit(w, r) {
		return
	}
	post, ok := p.find(r.PathValue("message"))
	if !ok {
		discordFail(w, http.StatusNotFound, 10008, "Unknown Message", nil)
		return
	}
	answer(w, http.StatusOK, discordMessage(post))
}

func (p *discordPlatform) drop(w http.ResponseWriter, r *http.Request) {
	if !p.admit(w, r) {
		return
	}
	if !p.remove(r.PathValue("message")) {
		discordFail(w, http.StatusNotFound, 10008, "Unknown Message", nil)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *discordPlatform) webhook(w http.ResponseWriter, r *http.Request) {
	if !p.admit(w, r) {
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"id": DiscordWebhookID, "type": 1, "name": "Pretend hook", "avatar": nil, "channel_id": DiscordChannelID, "guild_id": DiscordGuildID,
		"application_id": nil,
	})
}
