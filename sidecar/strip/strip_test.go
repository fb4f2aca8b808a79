package strip

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

func names(physical string) (string, bool) {
	uid, ok := map[string]string{"movies--a1": "movies", "films--zz": "cinema"}[physical]
	return uid, ok
}

// §3.1, RS-6: every kind of answer without reserved fields and physical names, everything else as it was.
func TestRSAnswersWithoutReservedFields(t *testing.T) {
	for _, c := range []struct {
		name string
		kind Kind
		in   string
		want string
	}{
		{"hit", Search, `{"hits":[{"id":1,"_miroir_shard":"⊕⊕⊖","n":12345678901234567890,"_miroir_updated_at":"x"}],"query":""}`,
			`{"hits":[{"id":1,"n":12345678901234567890}],"query":""}`},
		{"hit alone", Search, `{"hits":[{"_miroir_shard":"⊕"},{}]}`, `{"hits":[{},{}]}`},
		{"first member", Search, `{"hits":[{"_miroir_shard":"⊕","a":1}]}`, `{"hits":[{"a":1}]}`},
		{"nested stays", Search, `{"hits":[{"a":{"_miroir_shard":1},"b":["_miroir_shard"]}]}`,
			`{"hits":[{"a":{"_miroir_shard":1},"b":["_miroir_shard"]}]}`},
		{"other names stay", Search, `{"hits":[{"_miroir_other":1,"_miroir_shards":2}]}`, `{"hits":[{"_miroir_other":1,"_miroir_shards":2}]}`},
		{"escaped key", Search, `{"hits":[{"_miroir\u005fshard":1,"a":"\ud83d\ude00"}]}`, `{"hits":[{"a":"\ud83d\ude00"}]}`},
		{"formatted", Search,
			`{"hits":[{"_formatted":{"t":"<em>x</em>","_miroir_shard":"⊕"},"_matchesPosition":{"_miroir_shard":[],"t":[]},` +
				`"_rankingScoreDetails":{"_miroir_shard:asc":{"order":1},"words":{"order":0}}}]}`,
			`{"hits":[{"_formatted":{"t":"<em>x</em>"},"_matchesPosition":{"t":[]},"_rankingScoreDetails":{"words":{"order":0}}}]}`},
		{"facets", Search, `{"hits":[],"facetDistribution":{"_miroir_shard":{"⊕⊕⊕":3},"g":{"a":1}},"facetStats":{"_miroir_shard":{},"y":{"min":1,"max":2}}}`,
			`{"hits":[],"facetDistribution":{"g":{"a":1}},"facetStats":{"y":{"min":1,"max":2}}}`},
		{"multi", Search, `{"results":[{"indexUid":"movies--a1","hits":[{"_miroir_shard":1}]},{"indexUid":"x","hits":[]}]}`,
			`{"results":[{"indexUid":"movies","hits":[{}]},{"indexUid":"x","hits":[]}]}`},
		{"federated", Search,
			`{"hits":[{"_miroir_shard":1,"_federation":{"indexUid":"films--zz","queriesPosition":0}}],` +
				`"facetsByIndex":{"films--zz":{"distribution":{"_miroir_shard":{},"g":{}},"stats":{}}},"metadata":[{"indexUid":"movies--a1"}]}`,
			`{"hits":[{"_federation":{"indexUid":"cinema","queriesPosition":0}}],` +
				`"facetsByIndex":{"cinema":{"distribution":{"g":{}},"stats":{}}},"metadata":[{"indexUid":"movies"}]}`},
		{"documents", Documents, `{"results":[{"id":1,"_miroir_shard":"⊕"}],"offset":0,"total":1}`, `{"results":[{"id":1}],"offset":0,"total":1}`},
		{"document", Document, `{"id":1,"_miroir_shard":"⊕"}`, `{"id":1}`},
		{"stats", Stats, `{"numberOfDocuments":1,"fieldDistribution":{"_miroir_shard":1,"id":1}}`, `{"numberOfDocuments":1,"fieldDistribution":{"id":1}}`},
		{"all stats", AllStats, `{"indexes":{"movies--a1":{"fieldDistribution":{"_miroir_shard":1}},"y":{}}}`,
			`{"indexes":{"movies":{"fieldDistribution":{}},"y":{}}}`},
		{"settings", Settings, `{"filterableAttributes":["a","_miroir_shard",{"attributePatterns":["_miroir_shard"]},{"attributePatterns":["b"]}],"x":null}`,
			`{"filterableAttributes":["a",{"attributePatterns":["b"]}],"x":null}`},
		{"filterable", Filterable, `["_miroir_shard"]`, `[]`},
		{"fields", Fields, `{"results":[{"name":"_miroir_shard"},{"name":"id"}],"total":2}`, `{"results":[{"name":"id"}],"total":2}`},
		{"task", Task, `{"taskUid":1,"indexUid":"movies--a1","status":"enqueued"}`, `{"taskUid":1,"indexUid":"movies","status":"enqueued"}`},
		{"tasks", Tasks, `{"results":[{"indexUid":null,"error":{"message":"Index ` + "`movies--a1`" + ` not found."}}]}`,
			`{"results":[{"indexUid":null,"error":{"message":"Index ` + "`movies`" + ` not found."}}]}`},
		{"index", Index, `{"uid":"movies--a1","primaryKey":null}`, `{"uid":"movies","primaryKey":null}`},
		{"indexes", Indexes, `{"results":[{"uid":"movies--a1"}]}`, `{"results":[{"uid":"movies"}]}`},
		{"error", Error, `{"message":"<Index> ` + "`movies--a1`" + `: é","code":"x"}`, `{"message":"<Index> ` + "`movies`" + `: é","code":"x"}`},
		{"kept stamps", MarkedSearch,
			` { "hits" : [ {"_miroir_updated_at":"⊕⊖","id":1,"a":{"_miroir_updated_at":1, "b":[ 1 ]},"_miroir_shard":"⊕",` +
				`"_formatted":{"_miroir_updated_at":"⊕⊖","id":"1"},"_rankingScoreDetails":{"words":{"order":0}}}, {"id":2,"_rankingScoreDetails":{}} ] }`,
			`{"hits":[{"id":1,"a":{"_miroir_updated_at":1,"b":[1]},"_formatted":{"id":"1"},` + "\n" +
				`"_rankingScoreDetails":{"words":{"order":0}},"_miroir_updated_at":"⊕⊖"}` + "\n" + `,{"id":2,` + "\n" + `"_rankingScoreDetails":{}}` + "\n]}"},
		{"kept stamps alone", MarkedSearch, `{"hits":[{"_miroir_updated_at":"⊕⊖"},{"_rankingScoreDetails":{}},{},{"_miroir_updated_at.x":1}]}`,
			`{"hits":[{"_miroir_updated_at":"⊕⊖"}` + "\n,{\n" + `"_rankingScoreDetails":{}}` + "\n,{}\n,{}\n]}"},
		{"kept stamps of a multi-search", MarkedSearch, `{"results":[{"indexUid":"movies--a1","hits":[{"_miroir_updated_at":"⊕","a":1}],"facetStats":{}}]}`,
			`{"results":[{"indexUid":"movies","hits":[{"a":1,"_miroir_updated_at":"⊕"}` + "\n" + `],"facetStats":{}}]}`},
		{"kept stamps of documents", MarkedDocuments, `{"results":[{"_miroir_updated_at":"⊕","a":" \n"},{}],"total":2}`,
			`{"results":[{"a":" \n","_miroir_updated_at":"⊕"}` + "\n,{}\n" + `],"total":2}`},
		{"opaque", Opaque, `{"_miroir_shard":1}`, `{"_miroir_shard":1}`},
		{"spaces", Document, ` { "a" : 1 , "_miroir_shard" : 2 , "b" : [ 1 , 2 ] } `, ` {"a" : 1,"b" : [ 1 , 2 ]} `},
		{"empty", Document, ``, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Bytes([]byte(c.in), c.kind, names)
			if err != nil || string(got) != c.want {
				t.Errorf("got  %s\nwant %s\nerr %v", got, c.want, err)
			}
			var slow bytes.Buffer
			if err := Copy(&slow, iotest.OneByteReader(strings.NewReader(c.in)), c.kind, names); err != nil || slow.String() != c.want {
				t.Errorf("byte by byte: %s, %v", slow.Bytes(), err)
			}
		})
	}
}

// §8.4 of the facts: texts that list attributes, as a real 1.50 writes them.
func TestRSMessages(t *testing.T) {
	for in, want := range map[string]string{
		"Index `movies--a1`: Attribute `nope` is not filterable. Available filterable attribute patterns are: `_geo`, `_miroir_shard`, `year`.\n2:6 \"nope\"":                                          "Index `movies`: Attribute `nope` is not filterable. Available filterable attribute patterns are: `_geo`, `year`.\n2:6 \"nope\"",
		"Attribute `z` is not filterable. Available filterable attribute patterns are: `_miroir_shard`.\n1:2 z":                                                                                        "Attribute `z` is not filterable. This index does not have configured filterable attributes.\n1:2 z",
		"Invalid facet distribution: Pattern `nope` is not filterable. Available filterable attributes patterns are: `_geo, _miroir_shard, year`.":                                                     "Invalid facet distribution: Pattern `nope` is not filterable. Available filterable attributes patterns are: `_geo, year`.",
		"Attribute `n` is not facet-searchable. Available facet-searchable attributes patterns are: `_miroir_shard`. To make it facet-searchable add it to the `filterableAttributes` index settings.": "Attribute `n` is not facet-searchable. This index does not have configured facet-searchable attributes. To make it facet-searchable add it to the `filterableAttributes` index settings.",
		"Attribute `n` is not searchable. Available searchable attributes are: `_miroir_shard, id`.":                                                                                                   "Attribute `n` is not searchable. Available searchable attributes are: `id`.",
		"Document doesn't have a `id` attribute: `{\"t\":\"x\",\"_miroir_shard\":\"⊕⊕⊖\"}`.":                                                                                                           "Document doesn't have a `id` attribute: `{\"t\":\"x\"}`.",
		"Inside `.queries[1]`: Index `films--zz` not found.":                                                                                                                                           "Inside `.queries[1]`: Index `cinema` not found.",
		"a--b stays": "a--b stays",
	} {
		if got := message(names, in); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, in := range []string{`{`, `{"a"`, `{"a":}`, `[1,]`, `{"a":1,}`, `"\x"`, `01`, `1.`, `-`, `tru`, `1 2`, "\"\n\"", `{"a":1 "b":2}`, `{1:2}`} {
		if _, err := Bytes([]byte(in), Search, nil); err == nil {
			t.Errorf("%s accepted", in)
		}
	}
	broken := io.MultiReader(strings.NewReader(`{"hits":[`), iotest.ErrReader(io.ErrUnexpectedEOF))
	if err := Copy(io.Discard, broken, Search, nil); err == nil {
		t.Error("a broken answer is accepted")
	}
}

// A text of a megabyte and a document of many windows pass; bounds hold for what must be seen as a whole.
func TestLongAnswers(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	in := `{"hits":[{"` + long + `":"` + long + `","_miroir_shard":"` + long + `","z":1}]}`
	got, err := Bytes([]byte(in), Search, nil)
	if want := `{"hits":[{"` + long + `":"` + long + `","z":1}]}`; err != nil || string(got) != want {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	key := strings.Repeat("k", maxToken+1)
	if _, err := Bytes([]byte(`{"hits":[{"`+key+`":1}]}`), Search, nil); err == nil {
		t.Error("a key beyond the bound is accepted")
	}
}

// member keeps order and duplicates, unlike a map.
type member struct {
	Key   string
	Value any
}

// parse reads JSON with encoding/json into ordered members.
func parse(d *json.Decoder) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		obj := []member{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parse(d)
			if err != nil {
				return nil, err
			}
			key, _ := k.(string)
			obj = append(obj, member{key, v})
		}
		_, err = d.Token()
		return obj, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parse(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return tok, nil
}

func parseAll(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return parse(d)
}

// FuzzDocument compares the scanner with encoding/json: same verdict, same members without the reserved ones.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"_miroir_shard":"⊕","a":{"_miroir_shard":[1,{}]}}`, `[]`, `"x"`, `1e5`, `{"_miroir\u005fshard":0,"":-0.5}`, `{"a":"\ud800"}`,
		`{"_miroir_shard.x":1}`, `{"_miroir_updated_at":"⊕","b":[ 1 ],"_rankingScoreDetails":{}}`, `{"_miroir_updated_at":1,"_miroir_updated_at":2}`, "{\"a\":\"\xff\"}", ` {} `, `nul`, `{"a":1,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := Bytes(in, Document, nil)
		if len(bytes.TrimSpace(in)) == 0 {
			return
		}
		if json.Valid(in) != (err == nil) {
			t.Fatalf("encoding/json says %v, the scanner %v", json.Valid(in), err)
		}
		if err != nil {
			return
		}
		want, _ := parseAll(in)
		if obj, ok := want.([]member); ok {
			kept := []member{}
			for _, m := range obj {
				if !nodeapi.IsReserved(m.Key) {
					kept = append(kept, m)
				}
			}
			want = kept
		}
		have, err := parseAll(got)
		if err != nil || !reflect.DeepEqual(have, want) {
			t.Fatalf("%s became %s (%v)", in, got, err)
		}
		marked, err := Bytes(slices.Concat([]byte(`{"results":[`), in, []byte(`]}`)), MarkedDocuments, nil)
		if err != nil {
			t.Fatalf("%s as a list: %v", in, err)
		}
		checkMarked(t, marked, want)
	})
}

// checkMarked compares a marked list of one element with what the element is without reserved fields. Marks stand where
// they should, and a stamp is the last member.
func checkMarked(t *testing.T, marked []byte, want any) {
	t.Helper()
	have, err := parseAll(marked)
	if err != nil {
		t.Fatalf("%s: %v", marked, err)
	}
	element := have.([]member)[0].Value.([]any)[0]
	marks := 0
	if obj, ok := element.([]member); ok {
		marks = 1
		for i, m := range obj {
			if m.Key == nodeapi.FieldUpdatedAt {
				if i != len(obj)-1 {
					t.Fatalf("the stamp is not last: %s", marked)
				}
				obj = obj[:i]
			}
			if m.Key == "_rankingScoreDetails" {
				marks++
			}
		}
		element = obj
		if !bytes.HasSuffix(marked, []byte("}\n]}")) {
			t.Fatalf("no mark behind %s", marked)
		}
	}
	if !reflect.DeepEqual(element, want) || bytes.Count(marked, []byte{nodeapi.MarkLine}) != marks {
		t.Fatalf("%s, want %v", marked, want)
	}
}

func benchmark(b *testing.B, kind Kind, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	r := bytes.NewReader(body)
	for b.Loop() {
		r.Reset(body)
		if err := Copy(io.Discard, r, kind, names); err != nil {
			b.Fatal(err)
		}
	}
}

// answer is a search answer of n hits of about 400 bytes.
func answer(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"hits":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"id":"m517","title":"Love and Death on Long Island","us_gross":2542264,"worldwide_gross":2542264,` +
			`"release_date":"Mar 06 1998","mpaa_rating":"PG-13","distributor":"Lionsgate","imdb_rating":6.9,"tags":["and","death","love"],` +
			`"overview":"An English writer who lives a secluded life becomes obsessed with a young actor and travels to meet him.",` +
			`"_geo":{"lat":-41.7,"lng":-61.9},"_miroir_shard":"⊕⊖⊕","_miroir_updated_at":"⊖⊡⊟⊤⊣⊠⊟⊠⊣⊕⊖⊗⊘⊤⊕⊕⊕⊕⊕⊕",` +
			`"_rankingScoreDetails":{"words":{"order":0,"matchingWords":2,"maxMatchingWords":2,"score":1.0},` +
			`"typo":{"order":1,"typoCount":0,"maxTypoCount":2,"score":1.0},"proximity":{"order":2,"score":0.7857142857142857},` +
			`"attributeRank":{"order":3,"score":1.0},"wordPosition":{"order":4,"score":0.9130434782608695},` +
			`"exactness":{"order":5,"matchType":"noExactMatch","matchingWords":2,"maxMatchingWords":2,"score":0.3333333333333333}}}`)
	}
	b.WriteString(`],"query":"love","processingTimeMs":1,"limit":20,"offset":0,"estimatedTotalHits":1200}`)
	return b.Bytes()
}

func BenchmarkMarkSearch1000(b *testing.B)  { benchmark(b, MarkedSearch, answer(1000)) }
func BenchmarkStripSearch20(b *testing.B)   { benchmark(b, Search, answer(20)) }
func BenchmarkStripSearch1000(b *testing.B) { benchmark(b, Search, answer(1000)) }
