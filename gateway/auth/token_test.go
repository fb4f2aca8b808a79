package auth

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/miroir-search/miroir/internal/key"
)

// AU-9: which tenant tokens are good, and what is wrong with the others, in Meilisearch's words.
func TestAU9TenantToken(t *testing.T) {
	c := newChecker(t,
		newKey("1", []string{"search"}, []string{"movies*", "shows"}, nil), newKey("2", []string{"documents.get"}, []string{"*"}, nil),
		newKey("3", []string{"search"}, []string{"*"}, &past))
	all := []any{"*"}
	one := key.Value(master, uidOf("1"))
	for name, x := range map[string]struct {
		path, token, want string
	}{
		"good":     {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}), "ok"},
		"HS384":    {"/indexes/movies/facet-search", token(t, jwt.SigningMethodHS384, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}), "ok"},
		"HS512":    {"/multi-search", token(t, jwt.SigningMethodHS512, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}), "ok"},
		"in time":  {"/indexes/movies/similar", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all, "exp": start.Unix()}), "ok"},
		"no limit": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all, "exp": nil}), "ok"},
		"former key": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, key.Value(previous, uidOf("1")),
			jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}), "ok"},
		"expired": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all, "exp": 17}),
			"Forbidden invalid_api_key: Tenant token expired. Was valid up to `17` and we're now `1795608000`."},
		"other secret": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, master, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}),
			"Forbidden invalid_api_key: Could not decode tenant token, InvalidSignature."},
		"other's key": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("2"), "searchRules": all}),
			"Forbidden invalid_api_key: Could not decode tenant token, InvalidSignature."},
		"key that is not there": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, key.Value(master, uidOf("9")),
			jwt.MapClaims{"apiKeyUid": uidOf("9"), "searchRules": all}), unknownKey},
		"key without the action": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, key.Value(master, uidOf("2")),
			jwt.MapClaims{"apiKeyUid": uidOf("2"), "searchRules": all}), unknownKey},
		"key expired": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, key.Value(master, uidOf("3")),
			jwt.MapClaims{"apiKeyUid": uidOf("3"), "searchRules": all}), unknownKey},
		"index out of the rules": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one,
			jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": map[string]any{"sh*": nil, "a": nil}}),
			"Forbidden invalid_api_key: The provided tenant token cannot acces the index `movies`, allowed indexes are [\"a\", \"sh*\"]."},
		"index out of the key": {"/indexes/other/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}),
			"Forbidden invalid_api_key: The API key used to generate this tenant token cannot acces the index `other`."},
		"for somebody": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all, "aud": "x"}),
			"Forbidden invalid_api_key: Could not decode tenant token, InvalidAudience."},
		"no rules": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1")}),
			"Forbidden invalid_api_key: Could not decode tenant token, JSON error: missing field `searchRules` at line 1 column 52."},
		"rules that are none": {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": "*"}),
			"Forbidden invalid_api_key: Could not decode tenant token, JSON error: data did not match any variant of untagged enum SearchRules at line 1 column 70."},
		"no key":       {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"searchRules": all}), "Unauthorized miroir_jwt_invalid: The provided token is invalid."},
		"search page":  {"/indexes/movies/search", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"iss": "miroir", "apiKeyUid": uidOf("1"), "searchRules": all}), "Unauthorized miroir_jwt_invalid: The provided token is invalid."},
		"other action": {"/indexes/movies/documents/fetch", token(t, jwt.SigningMethodHS256, one, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": all}), unknownKey},
		"no JSON":      {"/indexes/movies/search", "a.b.c", unknownKey},
	} {
		if _, e := c.Check(table.Classify("POST", x.path), bearing(x.token)); said(e) != x.want {
			t.Errorf("%s: %s", name, said(e))
		}
	}
}

// AU-9: what needs no secret is no signature.
func TestAU9NoAlgorithm(t *testing.T) {
	c := newChecker(t, newKey("1", []string{"search"}, []string{"*"}, nil))
	op := table.Classify("POST", "/indexes/movies/search")
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"apiKeyUid":"` + uidOf("1") + `","searchRules":["*"]}`))
	for _, alg := range []string{"none", "None", "RS256", "HS1", ""} {
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `"}`))
		for _, signature := range []string{"", "AA", base64.RawURLEncoding.EncodeToString([]byte(key.Value(master, uidOf("1"))))} {
			if g, e := c.Check(op, bearing(head+"."+payload+"."+signature)); e == nil {
				t.Errorf("algorithm %q with signature %q was accepted: %+v", alg, signature, g)
			}
		}
	}
	good := token(t, jwt.SigningMethodHS256, key.Value(master, uidOf("1")), jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": []any{"*"}})
	parts := strings.Split(good, ".")
	for i := range parts {
		bad := strings.Join(append(append(append([]string{}, parts[:i]...), flip(parts[i])), parts[i+1:]...), ".")
		if _, e := c.Check(op, bearing(bad)); e == nil {
			t.Errorf("accepted with another part %d", i)
		}
	}
}

// flip changes a character in the middle of a part.
func flip(part string) string {
	b := []byte(part)
	at := len(b) / 2
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// AU-14: rules in every form; the closest pattern gives the filter, whatever else matches.
func TestAU14Filters(t *testing.T) {
	for name, x := range map[string]struct {
		rules any
		want  map[string]string // index: filter, "-" for none
	}{
		"list":       {[]any{"movies", "sh*"}, map[string]string{"movies": "-", "shows": "-", "x": "out"}},
		"nulls":      {map[string]any{"movies": nil}, map[string]string{"movies": "-", "x": "out"}},
		"no filter":  {map[string]any{"movies": map[string]any{}}, map[string]string{"movies": "-"}},
		"null":       {map[string]any{"movies": map[string]any{"filter": nil}}, map[string]string{"movies": "-"}},
		"string":     {map[string]any{"movies": map[string]any{"filter": "a = 1"}}, map[string]string{"movies": `"a = 1"`}},
		"in array":   {map[string]any{"movies": []any{"a = 1"}}, map[string]string{"movies": `"a = 1"`}},
		"array":      {map[string]any{"*": map[string]any{"filter": []any{"a = 1", []any{"b = 2"}}}}, map[string]string{"movies": `["a = 1",["b = 2"]]`}},
		"exact":      {map[string]any{"*": map[string]any{"filter": "all"}, "movies": map[string]any{"filter": "own"}, "movies*": nil}, map[string]string{"movies": `"own"`, "movies2": "-", "x": `"all"`}},
		"exact null": {map[string]any{"*": map[string]any{"filter": "all"}, "movies": nil}, map[string]string{"movies": "-", "x": `"all"`}},
		"longest":    {map[string]any{"m*": map[string]any{"filter": "m"}, "mo*": map[string]any{"filter": "mo"}}, map[string]string{"movies": `"mo"`, "mx": `"m"`, "x": "out"}},
	} {
		c := newChecker(t, newKey("1", []string{"search"}, []string{"*"}, nil))
		tok := token(t, jwt.SigningMethodHS256, key.Value(master, uidOf("1")), jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": x.rules})
		g, e := c.Check(table.Classify("POST", "/multi-search"), bearing(tok))
		if e != nil {
			t.Errorf("%s: %s", name, said(e))
			continue
		}
		for index, want := range x.want {
			got := string(g.Filter(index))
			switch {
			case !g.Index(index):
				got = "out"
			case got == "":
				got = "-"
			}
			if got != want {
				t.Errorf("%s: %s gets %s, want %s", name, index, got, want)
			}
		}
		if all := name == "array" || strings.HasPrefix(name, "exact"); g.AllIndexes() != all {
			t.Errorf("%s: all indexes: %v", name, g.AllIndexes())
		}
	}
	for _, raw := range []string{`"*"`, `1`, `null`, `[1]`, `{"a":1}`, `{"a":[]}`, `{"a":["x","y"]}`, `{"a":"b"}`, `["a",{}]`} {
		if r, ok := parseRules([]byte(raw)); ok {
			t.Errorf("%s was read as %+v", raw, r)
		}
	}
}

func FuzzCheckToken(f *testing.F) {
	good, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": []any{"*"}}).
		SignedString([]byte(key.Value(master, uidOf("1"))))
	f.Add(good)
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, tok string) {
		c := newChecker(t, newKey("1", []string{"search"}, []string{"*"}, nil))
		g, e := c.Check(table.Classify("POST", "/multi-search"), bearing(tok))
		if e == nil && tok != good && tok != master && tok != previous && c.ring.Load().find(tok) == nil {
			t.Errorf("%q opened %+v", tok, g)
		}
	})
}

// AU-13, AU-14: an alias is in bounds by its own name or by all its targets, and the rules of all names count together.
func TestAU14AliasRules(t *testing.T) {
	for name, x := range map[string]struct {
		rules   any
		alias   string
		targets []string
		want    string // filter, "-" for none, "out"
	}{
		"by the target":       {map[string]any{"a": map[string]any{"filter": "own"}}, "one", []string{"a"}, `"own"`},
		"by the name":         {map[string]any{"one": map[string]any{"filter": "own"}}, "one", []string{"a"}, `"own"`},
		"both":                {map[string]any{"one": map[string]any{"filter": "x"}, "a": map[string]any{"filter": "y"}}, "one", []string{"a"}, `["x","y"]`},
		"arrays":              {map[string]any{"one": map[string]any{"filter": []any{"x"}}, "a": map[string]any{"filter": []any{"y", []any{"z"}}}}, "one", []string{"a"}, `["x","y",["z"]]`},
		"open name":           {map[string]any{"one": nil, "*": map[string]any{"filter": "all"}}, "one", []string{"a"}, `"all"`},
		"one rule for both":   {map[string]any{"*": map[string]any{"filter": "all"}}, "one", []string{"a"}, `"all"`},
		"neither":             {map[string]any{"b": nil}, "one", []string{"a"}, "out"},
		"not every target":    {map[string]any{"a": nil}, "one", []string{"a", "b"}, "out"},
		"every target":        {map[string]any{"a": nil, "b": nil}, "one", []string{"a", "b"}, "-"},
		"an alias of nothing": {map[string]any{"a": nil}, "one", nil, "out"},
	} {
		c := newChecker(t, newKey("1", []string{"search"}, []string{"*"}, nil))
		tok := token(t, jwt.SigningMethodHS256, key.Value(master, uidOf("1")), jwt.MapClaims{"apiKeyUid": uidOf("1"), "searchRules": x.rules})
		op := table.Classify("POST", "/indexes/"+x.alias+"/search")
		op.Targets = x.targets
		g, e := c.Check(op, bearing(tok))
		got := "out"
		if e == nil {
			if got = string(g.Filter(x.alias, x.targets...)); got == "" {
				got = "-"
			}
		}
		if got != x.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, x.want, e)
		}
	}
	limited := newChecker(t, newKey("1", []string{"search"}, []string{"a"}, nil))
	op := table.Classify("POST", "/indexes/one/search")
	for _, x := range []struct {
		targets []string
		may     bool
	}{{nil, false}, {[]string{"a"}, true}, {[]string{"b"}, false}, {[]string{"a", "b"}, false}} {
		op.Targets = x.targets
		if _, e := limited.Check(op, bearing(key.Value(master, uidOf("1")))); (e == nil) != x.may {
			t.Errorf("targets %v: %v", x.targets, e)
		}
	}
}
