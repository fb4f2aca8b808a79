package serve

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

const editionOn = `{"v":1,"features":{"editDocumentsByFunction":true,"metrics":true}}`

// ER-1: what documents/edit is refused for before any node is asked, in the words and the order of Meilisearch 1.50.
func TestEditionsAreRefused(t *testing.T) {
	off, on := readService(t, nil, [][]int{{}}, `{}`), readService(t, nil, [][]int{{}}, `{}`, "features", editionOn)
	const feature = "Using the documents edit route requires enabling the `edit documents by function` experimental feature. " +
		"See https://github.com/orgs/meilisearch/discussions/762"
	for _, c := range []struct {
		s          *Service
		path, body string
		code       apierr.Code
		message    string
	}{
		{off, "a", `{"function":"doc.x=1"}`, apierr.FeatureNotEnabled, feature},
		{off, "a%20b", `{"function":"doc.x=1"}`, apierr.FeatureNotEnabled, feature},
		{off, "a", `{}`, apierr.MissingDocumentEditionFunction, "Missing field `function`"},
		{off, "a", `{"function":1}`, apierr.InvalidDocumentEditionFunctionFilter,
			"Invalid value type at `.function`: expected a string, but found a positive integer: `1`"},
		{off, "a", `{"function":"x","bla":1}`, apierr.BadRequest, "Unknown field `bla`: expected one of `filter`, `context`, `function`"},
		{on, "a%20b", `{"function":"doc.x=("}`, "invalid_index_uid", "`a b` is not a valid index uid."},
		{on, "a", `{"function":"doc._miroir_shard = 1"}`, apierr.MiroirReservedField, "`_miroir_`"},
		{on, "a", `{"function":"doc.x = \"_miroir_updated_at\""}`, apierr.MiroirReservedField, "`_miroir_`"},
	} {
		r := ask(t, c.s, "", "POST", "/indexes/"+c.path+"/documents/edit", json.RawMessage(c.body))
		if e := decode[apierr.Error](t, r); e.Code != c.code || !strings.Contains(e.Message, c.message) {
			t.Errorf("%s of %s: %d %s", c.body, c.path, r.Status, r.Body)
		}
	}
	if r := ask(t, off, "", "POST", "/indexes/a/documents/edit?customMetadata=x&foo=1", json.RawMessage(`{}`)); codeOf(t, r) != apierr.BadRequest ||
		!strings.Contains(string(r.Body), "Unknown parameter `foo`: expected one of `customMetadata`") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// core §2: GET /metrics shows the gateway's metrics while the feature is on.
func TestMetricsAtTheIngress(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	r := ask(t, s, masterKey, "GET", "/metrics", nil)
	e := decode[apierr.Error](t, r)
	if r.Status != http.StatusBadRequest || e.Code != apierr.FeatureNotEnabled || e.Message != "Getting metrics requires enabling the `metrics` "+
		"experimental feature. See https://github.com/meilisearch/product/discussions/625" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := ask(t, s, masterKey, "PATCH", "/experimental-features", map[string]bool{"metrics": true}); r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	r = ask(t, s, masterKey, "GET", "/metrics", nil)
	if r.Status != http.StatusOK || r.Header.Get("Content-Type") != "text/plain; version=0.0.4" ||
		!strings.Contains(string(r.Body), "\nmiroir_requests_in_flight 1\n") {
		t.Errorf("%d %v %s", r.Status, r.Header, r.Body)
	}
	made := ask(t, s, masterKey, "POST", "/keys", map[string]any{"actions": []string{"*"}, "indexes": []string{"a*"}, "expiresAt": nil})
	r = ask(t, s, decode[struct{ Key string }](t, made).Key, "GET", "/metrics", nil)
	if r.Status != http.StatusForbidden {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
