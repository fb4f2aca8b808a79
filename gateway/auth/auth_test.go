package auth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
)

const (
	master   = "masterKeymasterKey"
	previous = "formerKeyformerKey"
)

var (
	start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	past  = start.Add(-time.Second)
	table = operation.NewTable()
)

// uidOf makes a uid out of a digit.
func uidOf(d string) string {
	return strings.Repeat(d, 8) + "-" + strings.Repeat(d, 4) + "-4" + strings.Repeat(d, 3) + "-8" + strings.Repeat(d, 3) + "-" + strings.Repeat(d, 12)
}

func newKey(d string, actions, indexes []string, expires *time.Time) *key.Record {
	return &key.Record{V: key.Version, UID: uidOf(d), Actions: actions, Indexes: indexes, ExpiresAt: expires, CreatedAt: start}
}

func setOf(records ...*key.Record) *key.Set {
	m := map[string]*key.Record{}
	for _, r := range records {
		m[r.UID] = r
	}
	return key.NewSet(m)
}

func newChecker(t *testing.T, records ...*key.Record) *Checker {
	t.Helper()
	c := NewChecker(Options{
		MasterKey: master, PreviousKey: previous, Now: func() time.Time { return start }, Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	c.Adopt(setOf(records...))
	return c
}

func bearing(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// token signs a tenant token with the value of a key.
func token(t *testing.T, method jwt.SigningMethod, secret string, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// said is an error as "status code: message", or "ok".
func said(e *apierr.Error) string {
	if e == nil {
		return "ok"
	}
	return http.StatusText(e.Status) + " " + string(e.Code) + ": " + e.Message
}

const (
	unknownKey = "Forbidden invalid_api_key: The provided API key is invalid."
	noHeader   = "Unauthorized missing_authorization_header: The Authorization header is missing. It must use the bearer authorization method."
)

// AU-6, AU-10, AU-11: how a credential comes, and which there are.
func TestAU10Credentials(t *testing.T) {
	c := newChecker(t, newKey("1", []string{"search"}, []string{"*"}, nil))
	value := key.Value(master, uidOf("1"))
	search := table.Classify("POST", "/indexes/movies/search")
	for name, x := range map[string]struct {
		header http.Header
		want   string
	}{
		"none":                {http.Header{}, noHeader},
		"empty":               {http.Header{"Authorization": {""}}, noHeader},
		"basic":               {http.Header{"Authorization": {"Basic " + master}}, noHeader},
		"small bearer":        {http.Header{"Authorization": {"bearer " + master}}, noHeader},
		"no text":             {http.Header{"Authorization": {"Bearer \x01"}}, noHeader},
		"bearer alone":        {http.Header{"Authorization": {"Bearer"}}, unknownKey},
		"bearer of nothing":   {bearing(""), unknownKey},
		"two spaces":          {bearing(" " + master), unknownKey},
		"master":              {bearing(master), "ok"},
		"former master":       {bearing(previous), "ok"},
		"the first counts":    {http.Header{"Authorization": {"Bearer x", "Bearer " + master}}, unknownKey},
		"key":                 {bearing(value), "ok"},
		"key in large digits": {bearing(strings.ToUpper(value)), "ok"},
		"key under former":    {bearing(key.Value(previous, uidOf("1"))), "ok"},
		"uid":                 {bearing(uidOf("1")), unknownKey},
		"wrong":               {bearing("wrong"), unknownKey},
		"two parts":           {bearing("a.b"), unknownKey},
	} {
		if _, e := c.Check(search, x.header); said(e) != x.want {
			t.Errorf("%s: %s", name, said(e))
		}
	}
}

// AU-15: what was adopted last decides, for the very next request; a key ends at its time.
func TestAU15AdoptionAndExpiry(t *testing.T) {
	c := newChecker(t)
	op := table.Classify("POST", "/indexes/movies/search")
	header := bearing(key.Value(master, uidOf("1")))
	check := func(what, want string) {
		t.Helper()
		if _, e := c.Check(op, header); said(e) != want {
			t.Errorf("%s: %s", what, said(e))
		}
	}
	check("before it exists", unknownKey)
	c.Adopt(setOf(newKey("1", []string{"search"}, []string{"*"}, nil)))
	check("created", "ok")
	c.Adopt(setOf(newKey("1", []string{"stats.get"}, []string{"*"}, nil)))
	check("changed", unknownKey)
	at := start.Add(time.Minute)
	c.Adopt(setOf(newKey("1", []string{"search"}, []string{"*"}, &at)))
	check("before its end", "ok")
	c.now = func() time.Time { return at.Add(-1) }
	check("a moment before its end", "ok")
	c.now = func() time.Time { return at }
	check("at its end", unknownKey)
	c.Adopt(setOf())
	check("deleted", unknownKey)
}

// AU-13: an index out of bounds is told to whoever holds an API key, with its own bounds.
func TestAU13IndexScope(t *testing.T) {
	c := newChecker(t,
		newKey("1", []string{"search", "documents.add", "settings.get", "tasks.get"}, []string{"movies*", "a", "movies*"}, nil),
		newKey("2", []string{"indexes.create", "documents.add"}, []string{"a"}, nil), newKey("3", []string{"*"}, []string{}, nil))
	one, two, three := bearing(key.Value(master, uidOf("1"))), bearing(key.Value(master, uidOf("2"))), bearing(key.Value(master, uidOf("3")))
	for _, x := range []struct {
		header       http.Header
		method, path string
		want         string
	}{
		{one, "POST", "/indexes/movies2/search", "ok"},
		{one, "POST", "/indexes/a/documents", "ok"},
		{one, "POST", "/indexes/b/search",
			"Forbidden invalid_api_key: The API key cannot acces the index `b`, authorized indexes are [\"a\", \"movies*\"]."},
		{one, "DELETE", "/indexes/b",
			"Forbidden invalid_api_key: The API key cannot acces the index `b`, authorized indexes are [\"a\", \"movies*\"]."},
		{one, "DELETE", "/indexes/a", unknownKey},
		{one, "GET", "/tasks", "ok"},
		{one, "POST", "/multi-search", "ok"},
		{one, "GET", "/indexes", unknownKey},
		{two, "POST", "/indexes", "ok"},
		{three, "GET", "/tasks", unknownKey},
		{three, "GET", "/indexes/a", "Forbidden invalid_api_key: The API key cannot acces the index `a`, authorized indexes are []."},
	} {
		if _, e := c.Check(table.Classify(x.method, x.path), x.header); said(e) != x.want {
			t.Errorf("%s %s: %s", x.method, x.path, said(e))
		}
	}
	g, _ := c.Check(table.Classify("POST", "/indexes/a/documents"), one)
	if !g.Index("movies") || g.Index("b") || g.AllIndexes() || g.MayCreate("movies") {
		t.Error("the grant is not what the key allows")
	}
	g, _ = c.Check(table.Classify("POST", "/indexes/a/documents"), two)
	if !g.MayCreate("a") || g.MayCreate("b") {
		t.Error("indexes.create counts for other indexes")
	}
	g, _ = c.Check(table.Classify("POST", "/indexes"), bearing(master))
	if !g.AllIndexes() || !g.MayCreate("b") || g.Filter("b") != nil {
		t.Error("the master key is limited")
	}
}

// AU-18: without a master key all is open but the keys.
func TestAU18NoMasterKey(t *testing.T) {
	c := NewChecker(Options{PreviousKey: previous, Now: time.Now, Metrics: NewMetrics(prometheus.NewRegistry())})
	c.Adopt(setOf(newKey("1", []string{"*"}, []string{"*"}, nil)))
	for _, r := range operation.Routes() {
		op := table.Classify(r.Method, strings.NewReplacer("{index}", "a", "{id}", "b").Replace(r.Pattern))
		want := "ok"
		if strings.HasPrefix(r.Pattern, "/keys") {
			want = "Unauthorized missing_master_key: Meilisearch is running without a master key. To access this API endpoint, you must have set a master key at launch."
		}
		for _, h := range []http.Header{{}, bearing("x"), bearing(key.Value("", uidOf("1")))} {
			if _, e := c.Check(op, h); said(e) != want {
				t.Errorf("%s %s: %s", r.Method, r.Pattern, said(e))
			}
		}
	}
	if _, e := c.Check(table.Classify("GET", "/stats"), http.Header{"Authorization": {"Basic x"}}); said(e) != noHeader {
		t.Errorf("another scheme: %s", said(e))
	}
}

// AU-17: a fingerprint is all that is ever said of a credential.
func TestAU17Fingerprint(t *testing.T) {
	if got := Fingerprint("wrong"); len(got) != 8 || got == Fingerprint("other") || strings.Contains("wrong", got) {
		t.Error(got)
	}
}
