package auth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/key"
)

// TE-8, AU-6 to AU-13: every route with every kind of credential.
func TestTE8EveryRouteWithEveryCredential(t *testing.T) {
	seen := 0
	for _, r := range operation.Routes() {
		path := strings.NewReplacer("{index}", "movies", "{id}", "x").Replace(r.Pattern)
		op := table.Classify(r.Method, path)
		if op.Kind != r.Kind || op.Action != r.Action {
			t.Fatalf("%s %s is classified as %+v", r.Method, path, op)
		}
		if r.Access != operation.Keyed && r.Access != operation.KeyedOrAdmin {
			c := newChecker(t)
			for _, h := range []http.Header{{}, {"Authorization": {"Basic x"}}, bearing("wrong"), bearing(master)} {
				if _, e := c.Check(op, h); e != nil {
					t.Errorf("%s %s is open and yet %s", r.Method, path, said(e))
				}
			}
			continue
		}
		seen++
		checkRoute(t, r, op)
	}
	if seen < 100 {
		t.Errorf("only %d routes with a key", seen)
	}
}

// checkRoute tries every credential on a route that needs a key.
func checkRoute(t *testing.T, r operation.Route, op operation.Operation) {
	t.Helper()
	actions := strings.Fields(r.Action)
	indexed, search := strings.Contains(r.Pattern, "{index}"), r.Action == "search" || r.Action == "chatCompletions"
	var families, others []string
	for _, a := range actions {
		family, _, _ := strings.Cut(a, ".")
		families = append(families, family+".*")
	}
	for _, a := range key.ActionNames() {
		if !strings.Contains(a, "*") && !contains(actions, a) {
			others = append(others, a)
		}
	}
	// Of every family that has a wildcard, the wildcard stands for all of it but itself.
	byFamily := r.Action != "documents.*"
	for _, f := range families {
		byFamily = byFamily && contains(key.ActionNames(), f)
	}
	reads := map[string]bool{}
	for _, a := range strings.Fields(
		"search documents.get indexes.get tasks.get settings.get stats.get metrics.get version experimental.get export network.get " +
			"chats.get chatsSettings.get webhooks.get fields.post dynamicSearchRules.get") {
		reads[a] = true
	}
	byRead := true
	for _, a := range actions {
		byRead = byRead && reads[a]
	}
	// A key for some indexes opens routes without an index only where the handler looks at each index itself.
	handled := indexed
	if !indexed {
		handled = contains(strings.Fields("search indexes.create indexes.get indexes.swap tasks.get tasks.cancel tasks.delete stats.get "+
			"chatCompletions settings.get"), actions[0])
	}
	outside := unknownKey
	if indexed {
		outside = "Forbidden invalid_api_key: The API key cannot acces the index `movies`, authorized indexes are [\"shows*\"]."
	} else if handled {
		outside = "ok"
	}
	verdict := func(ok bool) string {
		if ok {
			return "ok"
		}
		return unknownKey
	}
	value := key.Value(master, uidOf("1"))
	try := func(what string, k *key.Record, h http.Header, want string) {
		t.Helper()
		c := newChecker(t)
		if k != nil {
			c = newChecker(t, k)
		}
		if _, e := c.Check(op, h); said(e) != want {
			t.Errorf("%s %s with %s: %s, want %s", r.Method, r.Pattern, what, said(e), want)
		}
	}
	all := []string{"*"}
	try("nothing", nil, http.Header{}, noHeader)
	try("another scheme", nil, http.Header{"Authorization": {"Basic " + master}}, noHeader)
	try("an unknown key", nil, bearing("wrong"), unknownKey)
	try("the master key", nil, bearing(master), "ok")
	try("a key with the action", newKey("1", actions, all, nil), bearing(value), verdict(r.Action != "documents.*"))
	try("a key with every other action", newKey("1", others, all, nil), bearing(value), unknownKey)
	try("a key for the family", newKey("1", families, all, nil), bearing(value), verdict(byFamily))
	try("a key that reads", newKey("1", []string{"*.get"}, all, nil), bearing(value), verdict(byRead))
	try("a key for everything", newKey("1", all, all, nil), bearing(value), "ok")
	try("a key for this index", newKey("1", all, []string{"movies"}, nil), bearing(value), verdict(handled))
	try("a key for these indexes", newKey("1", all, []string{"mov*"}, nil), bearing(value), verdict(handled))
	try("a key for other indexes", newKey("1", all, []string{"shows*"}, nil), bearing(value), outside)
	try("an expired key", newKey("1", all, all, &past), bearing(value), unknownKey)

	sign := func(rules any, exp int64) http.Header {
		return bearing(token(t, jwt.SigningMethodHS256, value, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": rules, "exp": exp}))
	}
	later, before := start.Unix()+10, start.Unix()-10
	expired, elsewhere := unknownKey, unknownKey
	if search {
		expired = "Forbidden invalid_api_key: Tenant token expired. Was valid up to `1795607990` and we're now `1795608000`."
		elsewhere = "ok"
	}
	if search && indexed {
		elsewhere = "Forbidden invalid_api_key: The provided tenant token cannot acces the index `movies`, allowed indexes are [\"shows*\"]."
	}
	try("a tenant token", newKey("1", all, all, nil), sign([]any{"movies"}, later), verdict(search))
	try("an expired tenant token", newKey("1", all, all, nil), sign([]any{"movies"}, before), expired)
	try("a tenant token for other indexes", newKey("1", all, all, nil), sign([]any{"shows*"}, later), elsewhere)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
