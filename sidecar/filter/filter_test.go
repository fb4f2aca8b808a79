package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"unicode/utf8"
)

const clause = Clause("C")

// RD-4: the forms of the conjunction.
func TestRD4Conjunction(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{}`, `{"filter":"C"}`},
		{`{"q":"x"}`, `{"q":"x","filter":"C"}`},
		{` { "q" : 1 } `, ` { "q" : 1 ,"filter":"C"} `},
		{`{"filter":null,"q":"x"}`, `{"filter":"C","q":"x"}`},
		{`{"filter":"  "}`, `{"filter":"C"}`},
		{`{"filter":"a = 1 OR b = 2"}`, `{"filter":"(a = 1 OR b = 2) AND (C)"}`},
		{`{"filter":"a = \"x)\""}`, `{"filter":"(a = \"x)\") AND (C)"}`},
		{`{"filter":"a = \"x\\\")\""}`, `{"filter":["a = \"x\\\")\"","C"]}`},
		{`{"filter":"a = ')'"}`, `{"filter":"(a = ')') AND (C)"}`},
		{`{"filter":"a = 1) OR (b = 2"}`, `{"filter":["a = 1) OR (b = 2","C"]}`},
		{`{"filter":"a = 'x"}`, `{"filter":["a = 'x","C"]}`},
		{`{"filter":[]}`, `{"filter":["C"]}`},
		{`{"filter":[ ["a","b"], "c"]}`, `{"filter":[ ["a","b"], "c","C"]}`},
		{`{"filter":3}`, `{"filter":3}`},
		{`{"filter":"a","filter":"b"}`, `{"filter":"(a) AND (C)","filter":"(b) AND (C)"}`},
		{`{"\u0066ilter":"a"}`, `{"\u0066ilter":"(a) AND (C)"}`},
		{`{"q":`, `{"q":`}, {`[]`, `[]`}, {``, ``},
	} {
		got, _, err := Body([]byte(c.in), clause)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, want %s (%v)", c.in, got, c.want, err)
		}
	}
	if got, changed, err := Body([]byte(`{"filter":"a = 1"}`), ""); changed || err != nil || string(got) != `{"filter":"a = 1"}` {
		t.Error("without a clause the body must stay")
	}
	if got := For([]int{1, 2}); got != `_miroir_shard IN ["⊕⊕⊖", "⊕⊕⊗"]` {
		t.Error(got)
	}
}

func TestMultiSearch(t *testing.T) {
	body := `{"federation":{"limit":3},"queries":[{"indexUid":"a","q":"x"},{"filter":"f","indexUid":"b"},{"indexUid":"c"}]}`
	got, changed, err := Multi([]byte(body), func(index string) (Clause, error) {
		if index == "c" {
			return "", nil
		}
		return Clause("C" + index), nil
	})
	want := `{"federation":{"limit":3},"queries":[{"indexUid":"a","q":"x","filter":"Ca"},{"filter":"(f) AND (Cb)","indexUid":"b"},{"indexUid":"c"}]}`
	if err != nil || !changed || string(got) != want {
		t.Fatalf("%s %v", got, err)
	}
	stop := errors.New("stop")
	if _, _, err := Multi([]byte(body), func(string) (Clause, error) { return "", stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	for _, bad := range []string{
		`{"queries":[{"indexUid":"a","sort":["_miroir_shard:asc"]}]}`, `{"federation":{"distinct":"_miroir_shard"},"queries":[]}`,
		`{"federation":{"facetsByIndex":{"a":["x","_miroir_shard"]}},"queries":[]}`,
	} {
		var r ReservedError
		if _, _, err := Multi([]byte(bad), func(string) (Clause, error) { return "", nil }); !errors.As(err, &r) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// §3.1: reserved names in filters, sorts and facets.
func TestReservedNames(t *testing.T) {
	for expr, want := range map[string]bool{
		`_miroir_shard = 1`: true, `a = 1 AND NOT _miroir_shard EXISTS`: true, `"_miroir_shard" IN [x]`: true, `'_miroir_shard'=1`: true,
		`(_miroir_updated_at > 3)`: true, `_miroir_shard.x = 1`: true, `_foreign(b, _miroir_shard = 1)`: true, `a = 1 OR(_miroir_shard=1)`: true,
		`a = _miroir_shard`: false, `a IN [_miroir_shard, "_miroir_shard"]`: false, `a CONTAINS _miroir_shard`: false,
		`a STARTS WITH "_miroir_shard"`: false, `a 1 TO _miroir_shard`: false, `_miroir_other = 1`: false, `_miroir_shards = 1`: false,
		`a = "x _miroir_shard = 1"`: false, `a != '_miroir_shard' AND b = 1`: false, ``: false, `_miroir_`: false,
	} {
		if _, got := reservedIn(expr); got != want {
			t.Errorf("%s: %v", expr, got)
		}
	}
	for body, want := range map[string]bool{
		`{"filter":"_miroir_shard = 1"}`: true, `{"filter":[["a","_miroir_shard = 1"]]}`: true, `{"filter":"\u005fmiroir_shard = 1"}`: true,
		`{"sort":["a:asc","_miroir_shard:desc"]}`: true, `{"facets":["_miroir_updated_at"]}`: true, `{"distinct":"_miroir_shard"}`: true,
		`{"facetName":"_miroir_shard"}`: true, `{"function":"doc._miroir_shard = 1"}`: true,
		`{"attributesToRetrieve":["_miroir_shard"]}`: false, `{"q":"_miroir_shard"}`: false, `{"facets":"_miroir_shard"}`: false, `{"sort":null}`: false,
	} {
		var r ReservedError
		_, _, err := Body([]byte(body), "")
		if errors.As(err, &r) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestQueryAndFetch(t *testing.T) {
	q, err := Query(url.Values{"q": {"x"}, "filter": {"a = 1"}}, clause)
	if err != nil || q.Get("filter") != `"(a = 1) AND (C)"` || q.Get("q") != "x" {
		t.Error(q, err)
	}
	if q, _ := Query(url.Values{"filter": {`["a","b"]`}}, clause); q.Get("filter") != `["a","b","C"]` {
		t.Error(q)
	}
	if q, _ := Query(url.Values{}, clause); q.Get("filter") != `"C"` {
		t.Error(q)
	}
	for _, bad := range []url.Values{{"filter": {"_miroir_shard = 1"}}, {"sort": {"a:asc,_miroir_shard:asc"}}, {"facets": {"a,_miroir_shard"}}} {
		if _, err := Query(bad, ""); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
	body, ok := Fetch(url.Values{"limit": {"3"}, "offset": {"0"}, "fields": {"a,b"}, "retrieveVectors": {"true"}, "ids": {"1,x"}, "filter": {`"C"`}, "sort": {"a:asc"}})
	want := `{"offset":0,"limit":3,"fields":["a","b"],"retrieveVectors":true,"ids":["1","x"],"filter":"C","sort":["a:asc"]}`
	if !ok || string(body) != want {
		t.Errorf("%s", body)
	}
	if body, ok := Fetch(url.Values{"fields": {"*"}}); !ok || string(body) != `{}` {
		t.Errorf("%s", body)
	}
	for _, bad := range []url.Values{
		{"limit": {"x"}}, {"nope": {"1"}}, {"limit": {"1", "2"}}, {"retrieveVectors": {"1"}}, {"fields": {"a,*"}}, {"ids": {"1, 2"}},
		{"sort": {"_geoPoint(1,2):asc"}}, {"limit": {"-1"}}, {"useNetwork": {"true"}},
	} {
		if _, ok := Fetch(bad); ok {
			t.Errorf("%v turned into a body", bad)
		}
	}
}

// FuzzBody holds the edited body against encoding/json: only the filter may differ.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{}`, `{"filter":["a",[]],"q":"x"}`, `{"a":{"filter":"x"}}`, ` {"filter" : "(" }`, `{"filter":{}}`, `{"":0,"filter":null,"filter":"a"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, changed, err := Body(in, clause)
		if !json.Valid(in) || !utf8.Valid(in) {
			return
		}
		var before map[string]json.RawMessage
		if json.Unmarshal(in, &before) != nil || before == nil {
			if changed {
				t.Fatalf("%s became %s", in, got)
			}
			return
		}
		if err != nil {
			return
		}
		var after map[string]json.RawMessage
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%s became %s: %v", in, got, err)
		}
		if old, had := before["filter"]; had && bytes.IndexByte([]byte("{0123456789-tf"), old[0]) >= 0 {
			return // no filter at all: left to the engine
		}
		if !bytes.Contains(after["filter"], []byte("C")) {
			t.Fatalf("%s became %s without the clause", in, got)
		}
		delete(before, "filter")
		delete(after, "filter")
		for k, v := range before {
			if string(after[k]) != string(v) {
				t.Fatalf("%s became %s", in, got)
			}
		}
		if len(before) != len(after) {
			t.Fatalf("%s became %s", in, got)
		}
	})
}

func BenchmarkBody(b *testing.B) {
	body := []byte(`{"q":"love and death","filter":"year > 1990 AND genre = drama","limit":20,"showRankingScoreDetails":true}`)
	c := For([]int{0, 1, 2, 3, 4, 5, 6, 7})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Body(body, c); err != nil {
			b.Fatal(err)
		}
	}
}
