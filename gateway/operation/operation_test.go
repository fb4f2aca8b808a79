package operation

import "testing"

func TestClassify(t *testing.T) {
	table := NewTable()
	for _, c := range []struct {
		method, path string
		want         Operation
	}{
		{"GET", "/", Operation{Kind: Root}},
		{"GET", "/health", Operation{Kind: Health}},
		{"GET", "/health/", Operation{Kind: Health}},
		{"GET", "/indexes/m", Operation{Kind: GetIndex, Index: "m"}},
		{"POST", "/indexes/m", Operation{Kind: WrongMethod}},
		{"GET", "/nope", Operation{Kind: Unknown}},
		{"GET", "/indexes/m/settings/nope", Operation{Kind: Unknown}},
		{"GET", "/indexes/m/documents/a%20b", Operation{Kind: GetDocument, Index: "m", ID: "a b"}},
		{"GET", "/indexes/m/documents/fetch", Operation{Kind: WrongMethod}},
		{"POST", "/indexes/m/documents/fetch", Operation{Kind: FetchDocuments, Index: "m"}},
		{"PUT", "/indexes/m/documents/fetch", Operation{Kind: WrongMethod}},
		{"PATCH", "/indexes/m/documents", Operation{Kind: WrongMethod}},
		{"PUT", "/indexes/m/settings/stop-words", Operation{Kind: UpdateSettings, Index: "m", Setting: "stop-words"}},
		{"PATCH", "/indexes/m/settings/stop-words", Operation{Kind: WrongMethod}},
		{"PATCH", "/indexes/m/settings", Operation{Kind: UpdateSettings, Index: "m"}},
		{"GET", "/tasks/7", Operation{Kind: GetTask, ID: "7"}},
		{"GET", "/tasks/cancel", Operation{Kind: WrongMethod}},
		{"POST", "/multi-search", Operation{Kind: MultiSearch}},
		{"POST", "/multi-search/explain", Operation{Kind: ExplainMulti}},
		{"POST", "/indexes/m/explain", Operation{Kind: Explain, Index: "m"}},
		{"POST", "/indexes/m/fields", Operation{Kind: ListFields, Index: "m"}},
		{"POST", "/export", Operation{Kind: Unserved}},
		{"GET", "/_miroir/topology", Operation{Kind: Admin}},
		{"GET", "/indexes//documents", Operation{Kind: Unknown}},
		{"HEAD", "/health", Operation{Kind: WrongMethod}},
	} {
		got := table.Classify(c.method, c.path)
		if got.Kind != c.want.Kind || got.Index != c.want.Index || got.ID != c.want.ID || got.Setting != c.want.Setting {
			t.Errorf("%s %s is %+v, want %+v", c.method, c.path, got, c.want)
		}
	}
}

// Every route that needs a key names the action it needs, and no open route names one.
func TestEveryRouteHasAnAuthRule(t *testing.T) {
	for _, r := range Routes() {
		if (r.Access == Keyed || r.Access == KeyedOrAdmin) != (r.Action != "") {
			t.Errorf("%s %s: access %d with action %q", r.Method, r.Pattern, r.Access, r.Action)
		}
	}
}
