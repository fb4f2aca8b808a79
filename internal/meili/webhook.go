package meili

import (
	"maps"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Bounds of webhooks, which are Meilisearch's.
const (
	MaxWebhooks       = 20
	maxWebhookHeaders = 200
)

// CommandWebhook is the uuid of the webhook that comes from the command line. It can not be changed by the API.
const CommandWebhook = "00000000-0000-0000-0000-000000000000"

// Webhook says where finished tasks are posted.
type Webhook struct {
	URL     string            `json:"url"` // as the client wrote it
	Headers map[string]string `json:"headers"`
}

// Shown is the webhook as clients see it: credentials in `Authorization` are masked, however the name is written.
func (w Webhook) Shown(uuid string) ([]byte, error) {
	headers := map[string]string{}
	for name, value := range w.Headers {
		if strings.EqualFold(name, "authorization") {
			rest, bearer := strings.CutPrefix(value, "Bearer ")
			value = maskSecret(rest)
			if bearer {
				value = "Bearer " + value
			}
		}
		headers[name] = value
	}
	return rawjson.Marshal(struct {
		UUID     string            `json:"uuid"`
		Editable bool              `json:"isEditable"`
		URL      string            `json:"url"`
		Headers  map[string]string `json:"headers"`
	}{uuid, uuid != CommandWebhook, w.URL, headers})
}

// WebhookChange is the body of POST /webhooks and PATCH /webhooks/{uuid}.
type WebhookChange struct {
	URL     Text
	Headers struct {
		Given bool // with an empty list: null, or no header
		Null  bool
		List  []HeaderChange
	}
}

// HeaderChange is a header of a WebhookChange; a nil value is null.
type HeaderChange struct {
	Name  string
	Value *string
}

// ParseWebhook reads a WebhookChange.
func ParseWebhook(body []byte) (WebhookChange, *apierr.Error) {
	var w WebhookChange
	at := root(apierr.BadRequest)
	fixed := map[string]apierr.Code{"uuid": apierr.ImmutableWebhookUUID, "isEditable": apierr.ImmutableWebhookIsEditable}
	e := readMutable(body, at, []string{"url", "headers"}, fixed, func(name string, v node) (e *apierr.Error) {
		if name == "url" {
			w.URL.Given = true
			w.URL.Value, e = v.optionalString(at.key(name, apierr.InvalidWebhookURL))
			return e
		}
		w.Headers.Given, w.Headers.Null, w.Headers.List = true, v.isNull(), nil
		if v.isNull() {
			return nil
		}
		p := at.key(name, apierr.InvalidWebhookHeaders)
		if v.kind() != kindObject {
			return p.wrongType("an object", v)
		}
		for _, m := range v.members() {
			value, e := m.value.optionalString(p.key(m.name, ""))
			if e != nil {
				return e
			}
			w.Headers.List = append(w.Headers.List, HeaderChange{m.name, value})
		}
		return nil
	})
	return w, e
}

// Count refuses the creation of a webhook with too many headers, which comes before all other reasons.
func (w WebhookChange) Count(uuid string) *apierr.Error {
	if len(w.Headers.List) > maxWebhookHeaders {
		return tooManyHeaders(uuid)
	}
	return nil
}

// Create makes a new webhook. Headers that are null are empty.
func (w WebhookChange) Create(uuid string) (Webhook, *apierr.Error) {
	if w.URL.Value == nil {
		return Webhook{}, missingWebhookURL(uuid)
	}
	out := Webhook{URL: *w.URL.Value, Headers: map[string]string{}}
	for _, h := range w.Headers.List {
		out.Headers[h.Name] = ""
		if h.Value != nil {
			out.Headers[h.Name] = *h.Value
		}
	}
	return out, out.check(uuid)
}

// Apply changes a webhook: headers are added and replaced, those that are null go, and so do all with `headers: null`.
func (w WebhookChange) Apply(uuid string, old Webhook) (Webhook, *apierr.Error) {
	out := Webhook{URL: old.URL, Headers: map[string]string{}}
	if w.URL.Given {
		if w.URL.Value == nil {
			return out, missingWebhookURL(uuid)
		}
		out.URL = *w.URL.Value
	}
	if !w.Headers.Null {
		maps.Copy(out.Headers, old.Headers)
	}
	for _, h := range w.Headers.List {
		if h.Value == nil {
			delete(out.Headers, h.Name)
		} else {
			out.Headers[h.Name] = *h.Value
		}
	}
	return out, out.check(uuid)
}

func (w Webhook) check(uuid string) *apierr.Error {
	switch {
	case len(w.Headers) > maxWebhookHeaders:
		return tooManyHeaders(uuid)
	case w.URL == "":
		return missingWebhookURL(uuid)
	}
	for _, name := range slices.Sorted(maps.Keys(w.Headers)) {
		if !isToken(name) {
			return apierr.New(apierr.InvalidWebhookHeaders, "Invalid header name `%s`: invalid HTTP header name", name)
		}
		if strings.IndexFunc(w.Headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
			return apierr.New(apierr.InvalidWebhookHeaders, "Invalid header value `%s`: failed to parse header value", name)
		}
	}
	if fault := URLFault(w.URL); fault != "" {
		return apierr.New(apierr.InvalidWebhookURL, "Invalid URL `%s`: %s", w.URL, fault)
	}
	return nil
}

// isToken says whether a text can be the name of a header (RFC 9110, 5.6.2; Meilisearch takes a quote too).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != "" && len(s) < 1<<16
}

// ParseWebhookUUID reads the uuid of a webhook in a path.
func ParseWebhookUUID(s string) (string, *apierr.Error) {
	uuid, reason := ParseUUID(s)
	if reason != "" {
		return "", apierr.New(apierr.InvalidWebhookUUID, "Invalid UUID: %s", reason)
	}
	return uuid, nil
}

func missingWebhookURL(uuid string) *apierr.Error {
	return apierr.New(apierr.InvalidWebhookURL, "The URL for the webhook `%s` is missing.", uuid)
}

func tooManyHeaders(uuid string) *apierr.Error {
	return apierr.New(apierr.InvalidWebhookHeaders, "Too many headers for the webhook `%s`. Please limit the number of headers to %d. "+
		"Hint: To remove an already defined header set its value to `null`", uuid, maxWebhookHeaders)
}

// TooManyWebhooks answers the creation of one more webhook than there can be.
func TooManyWebhooks() *apierr.Error {
	return apierr.New(apierr.InvalidWebhooks, "Defining too many webhooks would crush the server. Please limit the number of webhooks to %d. "+
		"You may use a third-party proxy server to dispatch events to more than %[1]d endpoints.", MaxWebhooks)
}

// WebhookNotFound answers a request for a webhook that does not exist.
func WebhookNotFound(uuid string) *apierr.Error {
	return apierr.New(apierr.WebhookNotFound, "Webhook `%s` not found.", uuid)
}

// ImmutableWebhook answers a change of the webhook that comes from the command line.
func ImmutableWebhook(uuid string) *apierr.Error {
	return apierr.New(apierr.ImmutableWebhook,
		"Webhook `%s` is immutable. The webhook defined from the command line cannot be modified using the API.", uuid)
}
