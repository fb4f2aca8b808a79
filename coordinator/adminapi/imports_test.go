package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/coordinator/workflow/imports"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
)

// desk is an Imports that notes what it was asked.
type desk struct {
	asked  []string
	took   string
	failed error
}

func (d *desk) note(what, took string) (imports.Status, error) {
	d.asked, d.took = append(d.asked, what), took
	return imports.Status{JobID: "0123456789abcdef", State: "running"}, d.failed
}

func (d *desk) Open(_ context.Context, size int64, print string, o imports.Options, resume bool) (imports.Status, error) {
	return d.note("open "+o.Existing, print[:2])
}

func (d *desk) Append(_ context.Context, id string, offset int64, from io.Reader) (imports.Status, error) {
	raw, _ := io.ReadAll(from)
	return d.note("append "+id, string(raw[:min(len(raw), 4)]))
}

func (d *desk) Receive(_ context.Context, o imports.Options, from io.Reader) (imports.Status, error) {
	raw, _ := io.ReadAll(from)
	return d.note("receive "+o.Existing, string(raw))
}

func (d *desk) Fetch(_ context.Context, o imports.Options, from string) (imports.Status, error) {
	return d.note("fetch "+o.Existing, from)
}

func (d *desk) Check(_ context.Context, s *dump.Summary, o imports.Options) (imports.Plan, error) {
	_, err := d.note("check "+o.Existing, s.Indexes[0].UID)
	return imports.Plan{Skipped: []string{"x"}}, err
}

func (d *desk) Status(_ context.Context, id string) (imports.Status, error) {
	return d.note("status", id)
}

func (d *desk) Cancel(_ context.Context, id string) (imports.Status, error) {
	return d.note("cancel", id)
}

func (d *desk) List(context.Context) ([]imports.Status, error) {
	s, err := d.note("list", "")
	return []imports.Status{s}, err
}

func (f *fixture) post(method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Admin-Key", key)
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestF9ImportRoutes(t *testing.T) {
	f := newFixture(t)
	if w := f.post("POST", "/_miroir/dumps/import", "", "x"); w.Code != http.StatusNotImplemented || code(w) != apierr.MiroirRouteUnsupported {
		t.Errorf("without a folder: %d %s", w.Code, w.Body)
	}
	d := &desk{}
	f.Imports = d
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	_ = m.WriteField("note", "no file")
	part, _ := m.CreateFormFile("file", "a.dump")
	_, _ = part.Write([]byte("bytes"))
	_ = m.Close()
	large := strings.Repeat("x", 2<<20)
	for _, c := range []struct {
		method, path, media, body string
		status                    int
		asked, took               string
	}{
		{"POST", "/_miroir/dumps/import?on_existing=merge", "application/json", `{"size":1,"fingerprint":"abc"}`, 202, "open merge", "ab"},
		{"POST", "/_miroir/dumps/import?on_existing=replace", "application/json", `{"url":"http://h/x"}`, 202, "fetch replace", "http://h/x"},
		{"POST", "/_miroir/dumps/import", "application/octet-stream", "bytes", 202, "receive fail", "bytes"},
		{"POST", "/_miroir/dumps/import", "", large, 202, "receive fail", large},
		{"POST", "/_miroir/dumps/import", m.FormDataContentType(), form.String(), 202, "receive fail", "bytes"},
		{"PUT", "/_miroir/dumps/import/0123456789abcdef/content?offset=7", "", large, 200, "append 0123456789abcdef", "xxxx"},
		{"POST", "/_miroir/dumps/import/check", "application/json", `{"indexes":[{"uid":"a"}]}`, 200, "check fail", "a"},
		{"GET", "/_miroir/dumps/import/0123456789abcdef/status", "", "", 200, "status", "0123456789abcdef"},
		{"GET", "/_miroir/dumps/import", "", "", 200, "list", ""},
		{"POST", "/_miroir/dumps/import/0123456789abcdef/cancel", "", "", 200, "cancel", "0123456789abcdef"},
		{"GET", "/_miroir/jobs", "", "", 200, "list", ""},
		{"GET", "/_miroir/jobs/0123456789abcdef", "", "", 200, "status", "0123456789abcdef"},
		{"POST", "/_miroir/jobs/0123456789abcdef/cancel", "", "", 200, "cancel", "0123456789abcdef"},
	} {
		w := f.post(c.method, c.path, c.media, c.body)
		if w.Code != c.status || d.asked[len(d.asked)-1] != c.asked || d.took != c.took || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %d %s, asked %v with %.20q", c.method, c.path, w.Code, w.Body, d.asked, d.took)
		}
	}
	before := len(d.asked)
	for _, c := range []struct {
		method, path, media, body string
		code                      apierr.Code
	}{
		{"POST", "/_miroir/dumps/import?on_existing=x", "", "x", apierr.MiroirConfigInvalid},
		{"POST", "/_miroir/dumps/import", "application/json", "{", apierr.BadRequest},
		{"POST", "/_miroir/dumps/import", "multipart/form-data; boundary=x", "--x--", apierr.BadRequest},
		{"POST", "/_miroir/dumps/import/check", "", "[]", apierr.BadRequest},
		{"PUT", "/_miroir/dumps/import/0123456789abcdef/content", "", "x", apierr.BadRequest},
		{"PUT", "/_miroir/dumps/import/0123456789abcdef/content?offset=-1", "", "x", apierr.BadRequest},
	} {
		if w := f.post(c.method, c.path, c.media, c.body); code(w) != c.code || w.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	if len(d.asked) != before {
		t.Errorf("asked all the same: %v", d.asked[before:])
	}
	d.failed = apierr.New(apierr.MiroirConflict, "no")
	if w := f.post("POST", "/_miroir/dumps/import", "", "x"); w.Code != http.StatusConflict || code(w) != apierr.MiroirConflict {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	d.failed = errors.New("/secret/path: disk on fire")
	for _, path := range []string{"/_miroir/dumps/import", "/_miroir/dumps/import/0123456789abcdef/status"} {
		if w := f.post("GET", path, "", ""); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
