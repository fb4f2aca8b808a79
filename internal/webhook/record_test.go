package webhook

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/seal"
)

func box(t *testing.T, secrets ...string) *seal.Box {
	t.Helper()
	b, err := seal.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ET-6: nothing of a webhook that may be secret is readable in its record, and it can be read under its own uuid only.
func TestET6SecretsOfAWebhookAreSealed(t *testing.T) {
	b := box(t, "a key that seals")
	w := meili.Webhook{URL: "https://user:word@host:8443/hidden?token=tok", Headers: map[string]string{"Authorization": "Bearer word", "X-Key": "tok"}}
	r := Record{UUID: "11111111-1111-4111-8111-111111111111"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := r.Put(b, w, at); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"word", "tok", "hidden", "user"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%q can be read in %s", secret, raw)
		}
	}
	if !strings.Contains(string(raw), `"server":"https://host:8443"`) {
		t.Errorf("nothing says where it goes: %s", raw)
	}
	again, err := Decode(r.UUID, raw)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(b); err != nil || got.URL != w.URL || got.Headers["X-Key"] != "tok" {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := again.Open(box(t, "another key")); !errors.Is(err, seal.ErrNotOpened) {
		t.Errorf("another key: %v", err)
	}
	again.UUID = meili.CommandWebhook
	if _, err := again.Open(b); !errors.Is(err, seal.ErrNotOpened) {
		t.Errorf("another uuid: %v", err)
	}
	if _, err := Decode(r.UUID, []byte(`{"v":2}`)); err == nil {
		t.Error("a record of an unknown version was read")
	}
}

// Only webhooks that clients made count.
func TestASetIsFullOfWhatClientsMade(t *testing.T) {
	records := map[string]*Record{meili.CommandWebhook: {UUID: meili.CommandWebhook}}
	for i := range meili.MaxWebhooks {
		if NewSet(records).Full() {
			t.Fatalf("full of %d", len(records))
		}
		uuid := string(rune('a' + i))
		records[uuid] = &Record{UUID: uuid}
	}
	s := NewSet(records)
	if !s.Full() || s.List[0].UUID != meili.CommandWebhook || s.List[1].UUID != "a" || s.Get("b") == nil || s.Get("z") != nil {
		t.Errorf("%+v", s)
	}
}
