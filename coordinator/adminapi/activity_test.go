package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
)

// diary is an Activities in memory.
type diary struct {
	mu    sync.Mutex
	list  []state.Activity
	asked string
	sick  error
}

func (d *diary) AppendActivity(_ context.Context, a state.Activity) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, a)
	return d.sick
}

func (d *diary) Activities(_ context.Context, since time.Time, before string, most int) ([]state.Activity, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = before
	list := slices.Clone(d.list[:min(most, len(d.list))])
	for i := range list {
		list[i].Name = "0000000000001-0000000a"
	}
	return list, d.sick
}

// AD-1: every mutation leaves a record of who, what and how it went, and nothing else does; the request does not depend on it.
func TestAD1MutationsAreNoted(t *testing.T) {
	f := newFixture(t)
	d := &diary{}
	f.Activity, f.Imports = d, &desk{}
	f.post("POST", "/_miroir/dumps/import", "", "secret bytes")
	f.post("POST", "/_miroir/jobs/0123456789abcdef/cancel", "", "")
	f.post("POST", "/_miroir/dumps/import?on_existing=secret", "", "x")
	for _, unnoted := range [][2]string{
		{"GET", "/_miroir/jobs"}, {"POST", "/_miroir/dumps/import/check"}, {"PUT", "/_miroir/dumps/import/0123456789abcdef/content?offset=1"},
		{"POST", "/_miroir/none"},
	} {
		f.post(unnoted[0], unnoted[1], "", `{"indexes":[{"uid":"a"}]}`)
	}
	f.send("POST", "/_miroir/dumps/import", "X-Admin-Key", "wrong")
	raw, err := json.Marshal(d.list)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.list) != 3 || d.list[0].Status != 202 || d.list[1].Target != "/_miroir/jobs/0123456789abcdef/cancel" || d.list[2].Status != 400 ||
		d.list[1].Action != "POST /_miroir/jobs/{id}/cancel" || d.list[0].RequestID == "" || strings.Contains(string(raw), "secret") {
		t.Errorf("%s", raw)
	}
	w := f.post("GET", "/_miroir/activity?limit=2&since=2026-01-01T00:00:00Z&cursor=0000000000001-0000000b", "", "")
	var page struct {
		Results []state.Activity
		Cursor  string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Results) != 2 || page.Cursor != "0000000000001-0000000a" || d.asked != "0000000000001-0000000b" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, wrong := range []string{"limit=0", "limit=1001", "limit=x", "since=today", "cursor=../x"} {
		if w := f.post("GET", "/_miroir/activity?"+wrong, "", ""); code(w) != apierr.MiroirConfigInvalid {
			t.Errorf("%s: %d %s", wrong, w.Code, w.Body)
		}
	}
	d.sick = errors.New("no store")
	if w := f.post("POST", "/_miroir/jobs/0123456789abcdef/cancel", "", ""); w.Code != http.StatusOK {
		t.Errorf("a request failed for want of a note: %d", w.Code)
	}
	if w := f.post("GET", "/_miroir/activity", "", ""); code(w) != apierr.MiroirStateUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
