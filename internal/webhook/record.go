package webhook

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/seal"
)

// Version is the schema version of Record.
const Version = 1

// Record is webhooks/<uuid>.
type Record struct {
	V      int    `json:"v"`
	UUID   string `json:"-"`      // hyphenated, lower case; it stands in the record's key
	Born   int64  `json:"-"`      // revision of the store that made the record: it is told of what ends later
	Server string `json:"server"` // scheme, host and port of the URL, for people who look at the state
	Sealed string `json:"sealed"` // a meili.Webhook
	// Ended are the uids, as task.FormatUIDs writes them, of tasks whose end clients could have been told of when the webhook was
	// made, but which was not recorded yet. It is not told of them.
	Ended     string    `json:"ended,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Cursor is webhook_cursors/<uuid>: what the webhook was told.
type Cursor struct {
	V         int       `json:"v"`
	Revision  int64     `json:"revision"` // of the store; the webhook was told of all tasks that ended up to it
	UpdatedAt time.Time `json:"updated_at"`
}

// place is where the secrets of a webhook stand.
func place(uuid string) string { return "webhooks/" + uuid }

// Put makes the record say what a webhook does.
func (r *Record) Put(box *seal.Box, w meili.Webhook, at time.Time) error {
	raw, err := rawjson.Marshal(w)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	if r.CreatedAt.IsZero() {
		r.CreatedAt = at
	}
	r.V, r.Server, r.Sealed, r.UpdatedAt = Version, server(w.URL), box.Seal(place(r.UUID), raw), at
	return nil
}

// server is what a URL says of the server, without what may be secret.
func server(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// Open reads what the webhook does. The error is seal.ErrNotOpened when no key of the box fits.
func (r *Record) Open(box *seal.Box) (w meili.Webhook, err error) {
	raw, err := box.Open(place(r.UUID), r.Sealed)
	if err != nil {
		return w, fmt.Errorf("webhook %s: %w", r.UUID, err)
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return w, fmt.Errorf("webhook %s: %w", r.UUID, err)
	}
	if w.Headers == nil {
		w.Headers = map[string]string{}
	}
	return w, nil
}

// Decode reads the record of a uuid. A record of an unknown version is an error.
func Decode(uuid string, data []byte) (Record, error) {
	r := Record{UUID: uuid}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("decode webhook: %w", err)
	}
	if r.V != Version {
		return r, fmt.Errorf("decode webhook: version %d is unknown", r.V)
	}
	return r, nil
}
