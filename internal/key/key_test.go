package key

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// AU-11: the value that Meilisearch derives, so that keys of a migrated instance go on working.
func TestAU11Value(t *testing.T) {
	got := Value("miroir-test-master-key", "74c9c733-3368-4738-bbe5-1d18a5fecb37")
	if want := "27bad0fd7783d9c5edda3424bccffe1d71356937a920014fc9564cc9cc2599d7"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	// From a recorded answer of a real Meilisearch.
	got = Value("masterKeymasterKey", "11111111-1111-4111-8111-111111111111")
	if want := "bd5b2a56baf0e10f7887956ec891014d9b17968af6a43f902d3832b4c7821ee7"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func allowed(held ...string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(Expand(held))) {
		if Expand(held)[name] {
			out = append(out, name)
		}
	}
	return out
}

// AU-12: what wildcards stand for.
func TestAU12Expand(t *testing.T) {
	for _, c := range []struct {
		held []string
		want string
	}{
		{[]string{"search"}, "search"},
		{[]string{"documents.*"}, "documents.add documents.delete documents.get"},
		{[]string{"indexes.*"}, "indexes.compact indexes.create indexes.delete indexes.get indexes.swap indexes.update"},
		{[]string{"tasks.*"}, "tasks.cancel tasks.compact tasks.delete tasks.get"},
		{[]string{"chats.*"}, "chats.delete chats.get"},
		{[]string{"chatsSettings.*"}, "chatsSettings.get chatsSettings.update"},
		{[]string{"stats.*", "dumps.*"}, "dumps.create stats.get"},
		{[]string{"*.get"}, "chats.get chatsSettings.get documents.get dynamicSearchRules.get experimental.get export fields.post " +
			"indexes.get metrics.get network.get search settings.get stats.get tasks.get version webhooks.get"},
		{nil, ""},
		{[]string{"keys.*", "nope"}, ""},
	} {
		if got := strings.Join(allowed(c.held...), " "); got != c.want {
			t.Errorf("%v: %s", c.held, got)
		}
	}
	all := Expand([]string{"*"})
	for _, name := range ActionNames() {
		if all[name] != (name != "*.get") {
			t.Errorf("* allows %s: %v", name, all[name])
		}
	}
	if read := Expand([]string{"*.get"}); read["keys.get"] || read["chatCompletions"] {
		t.Error("a reader of everything can become somebody else")
	}
}

// AU-13.
func TestAU13Patterns(t *testing.T) {
	for _, c := range []struct {
		pattern, index string
		want           bool
	}{
		{"movies", "movies", true}, {"movies", "movies2", false}, {"movies*", "movies", true}, {"movies*", "movies2", true},
		{"movies*", "movie", false}, {"*", "x", true}, {"Movies", "movies", false},
	} {
		if got := Matches(c.pattern, c.index); got != c.want {
			t.Errorf("%s covers %s: %v", c.pattern, c.index, got)
		}
	}
}

// AU-14: the name itself comes before every prefix, the longer prefix before the shorter, in whatever order they stand.
func TestAU14ClosestPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.StringMatching(`[ab]{1,4}`).Draw(t, "index")
		patterns := rapid.SliceOfN(rapid.StringMatching(`[ab]{0,4}\*?`), 0, 6).Draw(t, "patterns")
		got, ok := Closest(patterns, index)
		best, found := "", false
		for _, p := range patterns {
			switch {
			case !Matches(p, index):
			case p == index:
				best, found = p, true
			case best != index && (!found || len(p) > len(best)):
				best, found = p, true
			}
		}
		if got != best || ok != found {
			t.Fatalf("%v for %s: %s, want %s", patterns, index, got, best)
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 7200))
	name := "n"
	r := Record{V: Version, UID: "u", Name: &name, Actions: []string{"*"}, Indexes: []string{"a*"}, ExpiresAt: &at, CreatedAt: at, UpdatedAt: at}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"name":"n","description":null,"actions":["*"],"indexes":["a*"],"expires_at":"2030-01-02T03:04:05.000000006+02:00",` +
		`"created_at":"2030-01-02T03:04:05.000000006+02:00","updated_at":"2030-01-02T03:04:05.000000006+02:00"}`
	if string(raw) != want {
		t.Errorf("stored as %s", raw)
	}
	got, err := Decode("u", raw)
	if err != nil || got.UID != "u" || *got.Name != "n" || !got.ExpiresAt.Equal(at) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := Decode("u", []byte(`{"v":2}`)); err == nil {
		t.Error("an unknown version was read")
	}
	if got.Expired(at.Add(-1)) || !got.Expired(at) {
		t.Error("a key must end at its time")
	}
}

// AU-12: the four keys, in the order in which a list shows them.
func TestAU12Defaults(t *testing.T) {
	n := 0
	records := map[string]*Record{}
	for _, r := range Defaults(time.Unix(1, 0), func() string { n++; return fmt.Sprint("uid", n) }) {
		records[r.UID] = &r
	}
	set := NewSet(records)
	var got []string
	for _, r := range set.List {
		got = append(got, *r.Name+": "+strings.Join(r.Actions, ",")+" on "+strings.Join(r.Indexes, ","))
	}
	want := []string{
		"Default Search API Key: search on *", "Default Admin API Key: * on *",
		"Default Read-Only Admin API Key: *.get,keys.get on *", "Default Chat API Key: chatCompletions,search on *",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if set.Get("uid1") == nil || set.Get("uid5") != nil {
		t.Error("keys are not found by uid")
	}
}
