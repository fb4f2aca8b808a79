package imports

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/key"
)

func TestOptions(t *testing.T) {
	for query, want := range map[string]Options{
		"": {Existing: "fail", Bad: "fail", Settings: true, Keys: true},
		"on_existing=merge&on_bad_document=skip&settings=skip&keys=skip": {Existing: "merge", Bad: "skip"},
		"index=a,b:c&index=d&settings=import": {Existing: "fail", Bad: "fail", Settings: true, Keys: true,
			Indexes: []Renaming{{"a", "a"}, {"b", "c"}, {"d", "d"}}},
	} {
		q, _ := url.ParseQuery(query)
		got, e := ParseOptions(q)
		if e != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v", query, got, e)
		}
	}
	for _, query := range []string{"on_existing=x", "on_bad_document=x", "settings=x", "keys=no", "index=", "index=a:", "index=a,,b", "index=a%20b", "nope=1"} {
		q, _ := url.ParseQuery(query)
		if _, e := ParseOptions(q); e == nil || e.Code != apierr.MiroirConfigInvalid {
			t.Errorf("%s: %v", query, e)
		}
	}
}

func pk(s string) *string { return &s }

func dumped(uid string, primaryKey *string, documents int64) dump.Index {
	return dump.Index{IndexMetadata: dump.IndexMetadata{UID: uid, PrimaryKey: primaryKey}, Documents: documents, Settings: json.RawMessage(`{}`)}
}

func TestProposeFindsConflicts(t *testing.T) {
	s := &dump.Summary{Indexes: []dump.Index{dumped("a", pk("id"), 3), dumped("b", nil, 0), dumped("c", nil, 2)}}
	ids := func(p Plan) (list []string) {
		for _, c := range p.Conflicts {
			list = append(list, c.Index+": "+c.Reason)
		}
		return list
	}
	only := func(names ...Renaming) Options {
		o := defaults()
		o.Indexes = names
		return o
	}
	merge := only(Renaming{"a", "a"})
	merge.Existing = ExistingMerge
	for name, c := range map[string]struct {
		o    Options
		c    map[string]Existing
		want string
	}{
		"nothing there":       {only(Renaming{"a", "a"}, Renaming{"b", "b"}), nil, ""},
		"no primary key":      {defaults(), nil, "c: the dump has documents of it and no primary key"},
		"documents":           {only(Renaming{"a", "x"}), map[string]Existing{"x": {"id", 7}}, "x: it exists and has 7 documents"},
		"empty":               {only(Renaming{"a", "x"}), map[string]Existing{"x": {"", 0}}, ""},
		"merge":               {merge, map[string]Existing{"a": {"id", 7}}, ""},
		"merge, other key":    {merge, map[string]Existing{"a": {"uid", 7}}, "a: it exists with the primary key `uid`, and the dump has `id`"},
		"same name twice":     {only(Renaming{"a", "x"}, Renaming{"b", "x"}), nil, "x: two indexes of the dump would have this name"},
		"not in the dump":     {only(Renaming{"z", "z"}), nil, "z: the dump has no such index"},
		"existing elsewhere":  {only(Renaming{"b", "b"}), map[string]Existing{"a": {"id", 7}}, ""},
		"empty, but of a key": {only(Renaming{"a", "a"}), map[string]Existing{"a": {"uid", 0}}, "a: it exists with the primary key `uid`, and the dump has `id`"},
	} {
		if got := strings.Join(ids(Propose(s, c.o, Catalog{Indexes: c.c})), "|"); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestProposeTellsWhatStaysBehind(t *testing.T) {
	s := &dump.Summary{
		Indexes: []dump.Index{
			{IndexMetadata: dump.IndexMetadata{UID: "a"}, Settings: json.RawMessage(`{"foreignKeys":[{}],"chat":{"description":"d","searchParameters":{}}}`)},
			{IndexMetadata: dump.IndexMetadata{UID: "b"}, Settings: json.RawMessage(`{"foreignKeys":[],"chat":{"description":"","searchParameters":{}}}`)},
		},
		Features: json.RawMessage(`{"metrics":true,"network":false}`), Keys: []dump.Key{{UID: "k"}},
		Aside: dump.Aside{Tasks: 4, Enqueued: 1, Batches: 9, Webhooks: 2, Remotes: 3, Chats: 1, Instance: true, Internal: []string{".r"}, Unknown: []string{"x"}},
	}
	want := []string{
		"1 additions of documents that were still enqueued", "4 tasks of its history", "2 webhooks", "3 remotes of its network", "1 chat workspaces",
		"1 experimental features that were on", "internal index `.r`", "unknown file `x`", "chat settings of index `a`", "foreign keys of index `a`",
	}
	if got := Propose(s, defaults(), Catalog{}).Skipped; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	o := Options{Indexes: []Renaming{{"b", "b"}}}
	if got := Propose(s, o, Catalog{}).Skipped; !slices.Equal(got, append(slices.Clone(want[:8]), "index `a`", "1 API keys")) {
		t.Errorf("%q", got)
	}
}

func TestProposeKeysReplacesOnlyTheFirstOnesOfAFreshCluster(t *testing.T) {
	first := key.Defaults(time.Now(), func() string { return "" })
	for i := range first {
		first[i].UID = string(rune('a' + i))
	}
	own := append(slices.Clone(first), key.Record{UID: "mine", Actions: []string{"search"}, Indexes: []string{"*"}})
	for name, c := range map[string]struct {
		dumped []string
		c      Catalog
		want   PlannedKeys
	}{
		"fresh":           {[]string{"x", "y"}, Catalog{Keys: first}, PlannedKeys{New: 2, Replaced: []string{"a", "b", "c", "d"}}},
		"fresh, the same": {[]string{"a", "x"}, Catalog{Keys: first}, PlannedKeys{New: 1, Existing: 1, Replaced: []string{"b", "c", "d"}}},
		"nothing new":     {[]string{"a"}, Catalog{Keys: first}, PlannedKeys{Existing: 1}},
		"no keys":         {nil, Catalog{Keys: first}, PlannedKeys{}},
		"own keys":        {[]string{"x"}, Catalog{Keys: own}, PlannedKeys{New: 1}},
		"an index":        {[]string{"x"}, Catalog{Keys: first, Indexes: map[string]Existing{"i": {}}}, PlannedKeys{New: 1}},
	} {
		s := &dump.Summary{}
		for _, uid := range c.dumped {
			s.Keys = append(s.Keys, dump.Key{UID: uid})
		}
		if got := Propose(s, defaults(), c.c).Keys; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestJobIDTellsFilesAndOptionsApart(t *testing.T) {
	a, b := defaults(), defaults()
	b.Bad = BadSkip
	ids := map[string]bool{JobID("x", a): true, JobID("x", b): true, JobID("y", a): true, JobID("x", defaults()): true}
	if len(ids) != 3 || !jobID.MatchString(JobID("x", a)) {
		t.Error(ids)
	}
}
