package pretend

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// The account that the pretend Telegram has: a bot, and a channel that it may write in.
const (
	TelegramToken    = "8123456789:pretend-telegram-bot-token"
	TelegramChatID   = "-1001234567890"
	TelegramUsername = "pretend_channel"
)

// telegramMaxText is the longest text in UTF-16 code units.
const telegramMaxText = 4096

// telegramPlatform is the Bot API: methods below /bot{token}/, JSON in, {"ok", "result"} out.
type telegramPlatform struct {
	feed

	now func() time.Time
	ids counter
}

func newTelegram(now func() time.Time) *telegramPlatform {
	return &telegramPlatform{now: now, ids: counter{last: 344}}
}

func (p *telegramPlatform) seed(posts []Post) {
	for i := range posts {
		posts[i].ID = decimal(p.ids.next())
	}
	p.add(posts...)
}

func (p *telegramPlatform) posts() []Post { return p.all() }

func (p *telegramPlatform) fail(w http.ResponseWriter, _ *http.Request, fault Fault) {
	switch fault {
	case ExpiredToken:
		telegramFail(w, http.StatusUnauthorized, "Unauthorized", nil)
	case RateLimited:
		telegramFail(w, http.StatusTooManyRequests, "Too Many Requests: retry after 35", map[string]any{"retry_after": 35})
	default:
		telegramFail(w, http.StatusInternalServerError, "Internal Server Error", nil)
	}
}

func telegramFail(w http.ResponseWriter, status int, description string, parameters map[string]any) {
	body := map[string]any{"ok": false, "error_code": status, "description": description}
	if parameters != nil {
		body["parameters"] = parameters
	}
	answer(w, status, body)
}

func telegramBad(w http.ResponseWriter, description string) {
	telegramFail(w, http.StatusBadRequest, "Bad Request: "+description, nil)
}

// ServeHTTP implements http.Handler.
func (p *telegramPlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, method, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), "/")
	methods := map[string]http.HandlerFunc{
		"sendMessage": p.send, "deleteMessage": p.drop, "getMe": p.me, "getChat": p.chat, "getChatMemberCount": p.members,
	}
	switch {
	case !found || !strings.HasPrefix(r.URL.Path, "/bot"):
		telegramFail(w, http.StatusNotFound, "Not Found", nil)
	case token != TelegramToken:
		telegramFail(w, http.StatusUnauthorized, "Unauthorized", nil)
	case methods[method] == nil:
		telegramFail(w, http.StatusNotFound, "Not Found", nil)
	default:
		methods[method](w, r)
	}
}

type telegramEntity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	URL    string `json:"url"`
}

type telegramMessage struct {
	ChatID             string           `json:"chat_id"`
	Text               string           `json:"text"`
	ParseMode          string           `json:"parse_mode"`
	Entities           []telegramEntity `json:"entities"`
	LinkPreviewOptions *struct {
		IsDisabled bool   `json:"is_disabled"`
		URL        string `json:"url"`
	} `json:"link_preview_options"`
	ReplyParameters *struct {
		MessageID int64 `json:"message_id"`
	} `json:"reply_parameters"`
	DisableNotification bool `json:"disable_notification"`
}

func (p *telegramPlatform) send(w http.ResponseWriter, r *http.Request) {
	var message telegramMessage
	if err := readJSON(r, &message); err != nil {
		telegramBad(w, err.Error())
		return
	}
	length := len(utf16.Encode([]rune(message.Text)))
	switch {
	case !telegramKnowsChat(message.ChatID):
		telegramBad(w, "chat not found")
	case message.Text == "":
		telegramBad(w, "message text is empty")
	case length > telegramMaxText:
		telegramBad(w, "message is too long")
	case !telegramEntitiesFit(message.Entities, length):
		telegramBad(w, "can't parse entities: entity is outside of the text")
	case message.ReplyParameters != nil && !p.holds(message.ReplyParameters.MessageID):
		telegramBad(w, "message to be replied not found")
	default:
		p.publish(w, &message)
	}
}

func telegramKnowsChat(id string) bool { return id == TelegramChatID || id == "@"+TelegramUsername }

func telegramEntitiesFit(entities []telegramEntity, length int) bool {
	for _, entity := range entities {
		if entity.Offset < 0 || entity.Length <= 0 || entity.Offset+entity.Length > length || entity.Type == "" {
			return false
		}
	}
	return true
}

func (p *telegramPlatform) holds(id int64) bool {
	_, ok := p.find(decimal(id))
	return ok
}

func (p *telegramPlatform) publish(w http.ResponseWriter, message *telegramMessage) {
	id := p.ids.next()
	post := Post{ID: decimal(id), Text: message.Text, CreatedAt: p.now()}
	if message.ReplyParameters != nil {
		post.ReplyTo = decimal(message.ReplyParameters.MessageID)
	}
	if message.LinkPreviewOptions != nil {
		post.Link = message.LinkPreviewOptions.URL
	}
	p.add(post)
	chat := telegramChat()
	answer(w, http.StatusOK, map[string]any{"ok": true, "result": map[string]any{
		"message_id": id, "sender_chat": chat, "chat": chat, "date": post.CreatedAt.Unix(), "text": message.Text, "entities": message.Entities,
	}})
}

func telegramChat() map[string]any {
	id, _ := strconv.ParseInt(TelegramChatID, 10, 64)
	return map[string]any{"id": id, "title": "Pretend channel", "username": TelegramUsername, "type": "channel"}
}

func (p *telegramPlatform) drop(w http.ResponseWriter, r *http.Request) {
	var message struct {
		ChatID    string `json:"chat_id"`
		MessageID int64  `json:"message_id"`
	}
	switch err := readJSON(r, &message); {
	case err != nil:
		telegramBad(w, err.Error())
	case !telegramKnowsChat(message.ChatID):
		telegramBad(w, "chat not found")
	case !p.remove(decimal(message.MessageID)):
		telegramBad(w, "message to delete not found")
	default:
		answer(w, http.StatusOK, map[string]any{"ok": true, "result": true})
	}
}

func (p *telegramPlatform) me(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"ok": true, "result": map[string]any{
		"id": 8123456789, "is_bot": true, "first_name": "Pretend", "username": "pretend_bot",
	}})
}

func (p *telegramPlatform) chat(w http.ResponseWriter, r *http.Request) {
	p.aboutChat(w, r, telegramChat())
}

func (p *telegramPlatform) members(w http.ResponseWriter, r *http.Request) {
	const members = 1723
	p.aboutChat(w, r, members)
}

func (p *telegramPlatform) aboutChat(w http.ResponseWriter, r *http.Request, result any) {
	query, err := readQuery(r, "chat_id")
	switch {
	case err != nil:
		telegramBad(w, err.Error())
	case !telegramKnowsChat(query.Get("chat_id")):
		telegramBad(w, "chat not found")
	default:
		answer(w, http.StatusOK, map[string]any{"ok": true, "result": result})
	}
}
