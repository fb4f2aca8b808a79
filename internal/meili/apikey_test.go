package meili

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/apierr"
)

var today = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// RT-7: the bodies of the recorded key requests are read or refused as recorded.
func TestGoldenKeyBodies(t *testing.T) {
	checked := 0
	for i, g := range readGolden(t, "keys.jsonl") {
		var e *apierr.Error
		switch {
		case g.Request.Method == "POST" && g.Request.Path == "/keys":
			_, e = ParseKeyCreation(g.body(), today)
		case g.Request.Method == "PATCH":
			_, e = ParseKeyPatch(g.body())
		default:
			continue
		}
		checked++
		switch want := compactJSON(t, g.Response.Body); {
		case g.Response.Status == 400 && (e == nil || string(e.JSON()) != want):
			t.Errorf("line %d: got %v, want %s", i, e, want)
		case g.Response.Status != 400 && e != nil:
			t.Errorf("line %d: got %v, want status %d", i, e, g.Response.Status)
		}
	}
	if checked < 9 {
		t.Errorf("only %d bodies checked", checked)
	}
}

func TestKeyCreation(t *testing.T) {
	k, e := ParseKeyCreation([]byte(`{"name":"n","uid":"11111111111141118111111111111111","actions":["search","documents.*"],
		"indexes":["movies*","b"],"expiresAt":"2030-01-02 03:04:05+02:00"}`), today)
	if e != nil || k.UID != "11111111-1111-4111-8111-111111111111" || *k.Name != "n" || k.Description != nil {
		t.Fatalf("%+v, %v", k, e)
	}
	if got := k.ExpiresAt.Format(time.RFC3339); got != "2030-01-02T03:04:05+02:00" {
		t.Errorf("expires at %s", got)
	}
	for body, want := range map[string]string{
		`{"actions":["*"],"indexes":["*"]}`:                             "missing_api_key_expires_at Missing field `expiresAt`",
		`{"actions":["*"],"expiresAt":null}`:                            "missing_api_key_indexes Missing field `indexes`",
		`{"uid":null,"actions":["*"],"indexes":["*"],"expiresAt":null}`: "invalid_api_key_uid Invalid value type at `.uid`: expected a string, but found null",
		`{"actions":"*","indexes":["*"],"expiresAt":null}`:              "invalid_api_key_actions Invalid value type at `.actions`: expected an array, but found a string: `\"*\"`",
		`{"name":1,"actions":["*"],"indexes":["*"],"expiresAt":null}`:   "invalid_api_key_name Invalid value type at `.name`: expected a string, but found a positive integer: `1`",
		`{"key":"x"}`: "bad_request Unknown field `key`: expected one of `description`, `name`, `uid`, `actions`, `indexes`, `expiresAt`",
		`{"actions":["search","metrics.get","version"],"indexes":["a"],"expiresAt":null}`:      "index_scoped_api_key_with_global_action cannot create index-scoped API key with global action `\"metrics.get\"`\n  - Hint: remove action `\"metrics.get\"` from the action list, or remove `indexes` to make the key global",
		`{"actions":["metrics.get"],"indexes":["a","*"],"expiresAt":null}`:                     "",
		`{"actions":["metrics.get"],"indexes":[],"expiresAt":null}`:                            "",
		`{"actions":["*","*.get","tasks.*","stats.get"],"indexes":["a"],"expiresAt":null}`:     "",
		`{"actions":[],"indexes":["a**"],"expiresAt":null}`:                                    "invalid_api_key_indexes Invalid value at `.indexes[0]`: `a*` " + patternRule,
		`{"actions":[],"indexes":[""],"expiresAt":null}`:                                       "invalid_api_key_indexes Invalid value at `.indexes[0]`: `` " + patternRule,
		`{"actions":[],"indexes":["` + strings.Repeat("a", 400) + `*"],"expiresAt":null}`:      "",
		`{"actions":[],"indexes":["*"],"expiresAt":"2030-01-01"}`:                              "",
		`{"actions":[],"indexes":["*"],"expiresAt":"2030-01-01T00:00:00"}`:                     "",
		`{"actions":[],"indexes":["*"],"expiresAt":"2030-01-01T00:00:00z"}`:                    "",
		`{"actions":[],"indexes":["*"],"expiresAt":"2026-11-24T00:00:00Z"}`:                    "invalid_api_key_expires_at Invalid value at `.expiresAt`: `2026-11-24T00:00:00Z` is not a valid date. It should follow the RFC 3339 format to represents a date or datetime in the future or specified as a null value. e.g. 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'.\n",
		`{"actions":[],"indexes":["*"],"expiresAt":"2030-1-1"}`:                                "invalid_api_key_expires_at Invalid value at `.expiresAt`: `2030-1-1` is not a valid date. It should follow the RFC 3339 format to represents a date or datetime in the future or specified as a null value. e.g. 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'.\n",
		`{"actions":[],"indexes":["*"],"expiresAt":1}`:                                         "invalid_api_key_expires_at Invalid value type at `.expiresAt`: expected a string, but found a positive integer: `1`",
		`{"uid":"1111-1-1","actions":[],"indexes":["*"],"expiresAt":null}`:                     "invalid_api_key_uid Invalid value at `.uid`: invalid group count: expected 5, found 3",
		`{"uid":"11111111","actions":[],"indexes":["*"],"expiresAt":null}`:                     "invalid_api_key_uid Invalid value at `.uid`: invalid length: found 8",
		`{"uid":"11111111-1111-4111-811-1111111111111","actions":[],"indexes":[]}`:             "invalid_api_key_uid Invalid value at `.uid`: invalid group length in group 3: expected 4, found 3",
		`{"uid":"11111111-1111-4111-8111-1111111111111","actions":[],"indexes":[]}`:            "invalid_api_key_uid Invalid value at `.uid`: invalid group length in group 4: expected 12, found 13",
		`{"uid":"{11111111-1111-4111-8111-111111111111}","actions":[],"indexes":["*"]}`:        "missing_api_key_expires_at Missing field `expiresAt`",
		`{"uid":"urn:uuid:11111111-1111-4111-8111-111111111111","actions":[],"indexes":["*"]}`: "missing_api_key_expires_at Missing field `expiresAt`",
	} {
		_, e := ParseKeyCreation([]byte(body), today)
		got := ""
		if e != nil {
			got = string(e.Code) + " " + e.Message
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestKeyPatch(t *testing.T) {
	p, e := ParseKeyPatch([]byte(`{"name":null,"description":"d"}`))
	if e != nil || !p.Name.Given || p.Name.Value != nil || *p.Description.Value != "d" {
		t.Fatalf("%+v, %v", p, e)
	}
	if p, e = ParseKeyPatch([]byte(`{}`)); e != nil || p.Name.Given || p.Description.Given {
		t.Fatalf("%+v, %v", p, e)
	}
	if _, e = ParseKeyPatch([]byte(`{"key":"x"}`)); e == nil || e.Code != apierr.BadRequest {
		t.Fatalf("got %v", e)
	}
}

// A UUID is read exactly when another reader reads it in one of the four forms.
func TestParseUUID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`(\{|urn:uuid:)?[0-9a-fA-F]{7,8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-fg]{12}\}?`).Draw(t, "uuid")
		got, reason := ParseUUID(s)
		want, err := uuid.Parse(s)
		braces := strings.HasPrefix(s, "{") == strings.HasSuffix(s, "}")
		if ok := err == nil && braces; (reason == "") != ok || ok && got != want.String() {
			t.Fatalf("%s is %s, %q; want %s, %v", s, got, reason, want, err)
		}
	})
}

func FuzzParseKeyCreation(f *testing.F) {
	f.Add([]byte(`{"name":"n","uid":"11111111111141118111111111111111","actions":["search"],"indexes":["movies*"],"expiresAt":"2030-01-02"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		k, e := ParseKeyCreation(body, today)
		if e == nil && (k.Actions == nil || k.Indexes == nil || k.ExpiresAt != nil && !k.ExpiresAt.After(today)) {
			t.Errorf("%s was read as %+v", body, k)
		}
		_, _ = ParseKeyPatch(body)
	})
}
