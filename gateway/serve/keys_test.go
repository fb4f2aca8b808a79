package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/testkit/golden"
	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// foundKeys makes the keys that a coordinator makes at the first start.
func foundKeys(t *testing.T, s *Service) {
	t.Helper()
	n := 0
	uid := func() string {
		n++
		return "0000000" + string(rune('0'+n)) + "-0000-4000-8000-000000000000"
	}
	if _, err := s.Store.FoundKeys(t.Context(), key.Defaults(time.Now(), uid)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Keys.Wait(ctx, func(k *key.Set) bool { return len(k.List) == 4 }); err != nil {
		t.Fatal(err)
	}
}

// AU-11, AU-12, TE-3: the recorded requests about keys, against the handlers on a real store.
func TestGoldenKeys(t *testing.T) {
	var log bytes.Buffer
	s := newCluster(t).gateway(t, &log)
	foundKeys(t, s)
	shared, err := golden.Shared()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := golden.Load(shared, "keys")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range entries {
		token := masterKey
		if x.Request.Auth.Given {
			token = ""
			if x.Request.Auth.Value != nil {
				token = *x.Request.Auth.Value
			}
		}
		got := ask(t, s, token, x.Request.Method, x.Request.Path, x.Request.Body)
		if got.Status != x.Response.Status {
			t.Errorf("%d: status %d, want %d", x.N, got.Status, x.Response.Status)
		}
		compareJSON(t, x.N, x.Response.Body, got)
	}
	for _, secret := range []string{masterKey, key.Value(masterKey, "11111111-1111-4111-8111-111111111111"), "wrong"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("LO-3: a credential was logged:\n%s", log.String())
		}
	}
	if !strings.Contains(log.String(), `"credential":"`) {
		t.Error("AU-17: nothing was said about refused credentials")
	}
}

func compareJSON(t *testing.T, n int, recorded json.RawMessage, got *reply.Reply) {
	t.Helper()
	want, err := jsondiff.Decode(recorded)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := jsondiff.Decode(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	jsondiff.Comparison{
		Volatile: func(k string, o map[string]any) bool {
			name, _ := o["name"].(string)
			return k == "createdAt" || k == "updatedAt" || strings.HasPrefix(name, "Default") && (k == "uid" || k == "key")
		},
		Report: func(path string, want, got any) {
			t.Errorf("%d %s: want %s, got %s", n, path, jsondiff.Show(want), jsondiff.Show(got))
		},
	}.Values("", want, answer)
	if want != nil && keyOrder(recorded) != keyOrder(got.Body) {
		t.Errorf("%d: the members come in another order: %s", n, got.Body)
	}
}

// keyOrder lists the names of an object's members as they stand.
func keyOrder(raw []byte) string {
	var names []string
	d := json.NewDecoder(bytes.NewReader(raw))
	depth := 0
	for expectKey := false; ; {
		tok, err := d.Token()
		if err != nil {
			return strings.Join(names, ",")
		}
		switch tok := tok.(type) {
		case json.Delim:
			if tok == '{' || tok == '[' {
				depth++
			} else {
				depth--
			}
			expectKey = depth == 1
		case string:
			if depth == 1 && expectKey {
				names = append(names, tok)
				expectKey = false
				continue
			}
			expectKey = depth == 1
		default:
			expectKey = depth == 1
		}
	}
}

// AU-15: what one gateway changes is in force on another one at once.
func TestAU15RevocationReachesOtherGateways(t *testing.T) {
	k := newCluster(t)
	here, there := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	made := decode[struct{ UID, Key string }](t, ask(t, here, masterKey, "POST", "/keys",
		map[string]any{"actions": []string{"*"}, "indexes": []string{"*"}, "expiresAt": nil}))
	if r := ask(t, here, made.Key, "GET", "/keys?limit=1", nil); r.Status != http.StatusOK {
		t.Fatalf("not in force where it was made: %d %s", r.Status, r.Body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := there.Keys.Wait(ctx, func(k *key.Set) bool { return k.Get(made.UID) != nil }); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, there, made.Key, "GET", "/keys/"+made.Key, nil); r.Status != http.StatusOK {
		t.Fatalf("not in force elsewhere: %d %s", r.Status, r.Body)
	}
	if r := ask(t, there, made.Key, "DELETE", "/keys/"+made.UID, nil); r.Status != http.StatusNoContent || len(r.Body) > 0 {
		t.Fatalf("a key that deletes itself: %d %s", r.Status, r.Body)
	}
	if r := ask(t, there, made.Key, "GET", "/keys", nil); r.Status != http.StatusForbidden {
		t.Fatalf("in force after its deletion: %d", r.Status)
	}
	if err := here.Keys.Wait(ctx, func(k *key.Set) bool { return k.Get(made.UID) == nil }); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, here, made.Key, "GET", "/keys", nil); r.Status != http.StatusForbidden {
		t.Fatalf("in force elsewhere after its deletion: %d", r.Status)
	}
}

// A name that was given is kept, one that is null goes, what is not named stays; the value is never stored.
func TestKeyUpdateAndListing(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	foundKeys(t, s)
	type view struct {
		Name, Description *string
		UID, Key          string
		ExpiresAt         *string
	}
	made := decode[view](t, ask(t, s, masterKey, "POST", "/keys", map[string]any{
		"name": "n", "description": "d", "actions": []string{"search"}, "indexes": []string{"a"}, "expiresAt": "2999-01-02T03:04:05+02:00",
	}))
	if made.ExpiresAt == nil || *made.ExpiresAt != "2999-01-02T03:04:05+02:00" || made.Key != key.Value(masterKey, made.UID) {
		t.Fatalf("made %+v", made)
	}
	got := decode[view](t, ask(t, s, masterKey, "PATCH", "/keys/"+made.Key, map[string]any{"name": nil}))
	if got.Name != nil || *got.Description != "d" || *got.ExpiresAt != *made.ExpiresAt {
		t.Fatalf("changed to %+v", got)
	}
	page := decode[struct {
		Results              []view
		Offset, Limit, Total int
	}](t, ask(t, s, masterKey, "GET", "/keys?offset=1&limit=3", nil))
	if len(page.Results) != 3 || page.Total != 5 || page.Offset != 1 || page.Limit != 3 || *page.Results[0].Name != "Default Search API Key" {
		t.Fatalf("page %+v", page)
	}
	if r := ask(t, s, masterKey, "GET", "/keys?offset=99", nil); !strings.Contains(string(r.Body), `{"results":[],"offset":99,"limit":20,"total":5}`) {
		t.Fatalf("beyond the end: %s", r.Body)
	}
	for _, path := range []string{"/keys/99999999-9999-4999-8999-999999999999", "/keys/99999999999949998999999999999999"} {
		for _, method := range []string{"GET", "DELETE", "PATCH"} {
			r := ask(t, s, masterKey, method, path, map[string]any{})
			if r.Status != http.StatusNotFound || !strings.Contains(string(r.Body), "API key `99999999-9999-4999-8999-999999999999` not found.") {
				t.Errorf("%s %s: %d %s", method, path, r.Status, r.Body)
			}
		}
	}
}

// AU-6, AU-10: no route does anything before the credential was found good.
func TestTE8NoRouteActsWithoutCredential(t *testing.T) {
	k := newCluster(t)
	full, blind := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	blind.Store, blind.Nodes, blind.Tasks = nil, nil, nil // whoever touches them panics
	for _, r := range operation.Routes() {
		path := strings.NewReplacer("{index}", "movies", "{id}", "x").Replace(r.Pattern)
		for token, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusForbidden} {
			if r.Access == operation.Open {
				want = http.StatusOK
			}
			if got := ask(t, blind, token, r.Method, path, map[string]any{}); got.Status != want {
				t.Errorf("%s %s with %q: %d, want %d", r.Method, path, token, got.Status, want)
			}
		}
	}
	// A tenant token opens a search and nothing else.
	made := decode[struct{ UID, Key string }](t, ask(t, full, masterKey, "POST", "/keys",
		map[string]any{"actions": []string{"*"}, "indexes": []string{"*"}, "expiresAt": nil}))
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"apiKeyUid": made.UID, "searchRules": []string{"movies"}}).
		SignedString([]byte(made.Key))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/indexes/movies/search":          `"index_not_found"`,
		"/indexes/movies/facet-search":    `"index_not_found"`,
		"/indexes/shows/search":           "The provided tenant token cannot acces the index `shows`, allowed indexes are [\\\"movies\\\"].",
		"/indexes/movies/documents/fetch": "The provided API key is invalid.",
	} {
		if got := ask(t, full, token, "POST", path, map[string]any{}); !strings.Contains(string(got.Body), want) {
			t.Errorf("%s: %s", path, got.Body)
		}
	}
	got := ask(t, full, token, "POST", "/multi-search", map[string]any{"queries": []any{
		map[string]any{"indexUid": "movies"}, map[string]any{"indexUid": "shows"},
	}})
	if got.Status != http.StatusForbidden || !strings.Contains(string(got.Body), "Inside `.queries[1]`: The provided API key is invalid.") {
		t.Errorf("multi-search: %d %s", got.Status, got.Body)
	}
}
