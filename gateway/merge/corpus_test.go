package merge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// doc is a hit as the naive twin sees it: decoded, comparable field by field.
type doc struct {
	id      int
	leg     int
	words   int
	typos   int
	prox    int // of 7
	attr    int // of 3, or the unified rule's first part
	pos     int // of 11
	exact   int // 0 no match, 1 starts, 2 exact
	exWords int
	num     *float64
	str     *string
	dist    *float64
	sim     float64
	cutoff  bool
	group   string
}

// shape is which rules a random corpus was ranked by.
type shape struct {
	unified, sorted, geo, vector, keyword, desc bool
	// stamped: legs keep stamps and set marks. Documents are written in the order of their ids; those below legacy were
	// written before there were stamps.
	stamped bool
	legacy  int
}

// stamp is what a document stores.
func (s shape) stamp(d doc) string {
	if !s.stamped || d.id < s.legacy {
		return ""
	}
	return string(nodeapi.AppendStamp(nil, hlc.Stamp(1<<50+d.id/3), uint64(d.id%3))) //nolint:gosec // small
}

func (s shape) details(d doc) string {
	var parts []string
	add := func(name, format string, args ...any) {
		parts = append(parts, fmt.Sprintf(`%q:{"order":%d,%s}`, name, len(parts), fmt.Sprintf(format, args...)))
	}
	dir := "asc"
	if s.desc {
		dir = "desc"
	}
	if s.keyword {
		add("words", `"matchingWords":%d,"maxMatchingWords":3,"score":%s`, d.words, ratio(d.words, 3))
		add("typo", `"typoCount":%d,"maxTypoCount":3,"score":%s`, d.typos, ratio(4-d.typos, 4))
		if d.cutoff {
			add("skipped", `"x":0`)
			return "{" + strings.Join(parts, ",") + "}"
		}
		add("proximity", `"score":%s`, ratio(d.prox, 7))
		if s.unified {
			add("attribute", `"attributeRankingOrderScore":%s,"queryWordDistanceScore":%s,"score":0.5`, ratio(d.attr, 3), ratio(d.pos, 11))
		} else {
			add("attributeRank", `"score":%s`, ratio(d.attr, 3))
		}
	}
	if s.sorted {
		value := "null"
		switch {
		case d.num != nil:
			value = strconv.FormatFloat(*d.num, 'f', -1, 64)
		case d.str != nil:
			value = string(rawjson.AppendQuoted(nil, *d.str))
		}
		add("price:"+dir, `"value":%s`, value)
	}
	if s.geo {
		if d.dist == nil {
			add("_geoPoint(1, 2):"+dir, `"value":null,"distance":null`)
		} else {
			add("_geoPoint(1, 2):"+dir, `"value":{"lat":1.5,"lng":2.0},"distance":%s`, strconv.FormatFloat(*d.dist, 'f', -1, 64))
		}
	}
	if s.keyword {
		if !s.unified {
			add("wordPosition", `"score":%s`, ratio(d.pos, 11))
		}
		switch d.exact {
		case 2:
			add("exactness", `"matchType":"exactMatch","score":1.0`)
		case 1:
			add("exactness", `"matchType":"matchesStart","score":0.6666666666666666`)
		default:
			add("exactness", `"matchType":"noExactMatch","matchingWords":%d,"maxMatchingWords":3,"score":0.1`, d.exWords)
		}
	}
	if s.vector {
		add("vectorSort", `"similarity":%s`, strconv.FormatFloat(d.sim, 'f', -1, 32))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func ratio(a, b int) string { return strconv.FormatFloat(float64(a)/float64(b), 'f', -1, 64) }

// naive is MG-1 written down as plainly as possible; it leaves ties to a stable sort.
func (s shape) naive(x, y doc) int {
	var c int
	try := func(v int) bool {
		if c == 0 {
			c = v
		}
		return c != 0
	}
	if s.keyword {
		if try(y.words-x.words) || try(x.typos-y.typos) {
			return c
		}
		if x.cutoff != y.cutoff {
			if x.cutoff {
				return 1
			}
			return -1
		}
		if x.cutoff {
			return 0
		}
		if try(y.prox-x.prox) || try(y.attr-x.attr) || s.unified && try(y.pos-x.pos) {
			return c
		}
	}
	if s.sorted && try(s.sortValue(x, y)) {
		return c
	}
	if s.geo && try(s.distance(x, y)) {
		return c
	}
	if s.keyword {
		if !s.unified && try(y.pos-x.pos) || try(y.exact-x.exact) || x.exact == 0 && try(y.exWords-x.exWords) {
			return c
		}
	}
	if s.vector && try(cmp.Compare(y.sim, x.sim)) {
		return c
	}
	return 0
}

func (s shape) flip(c int) int {
	if s.desc {
		return -c
	}
	return c
}

func (s shape) sortValue(x, y doc) int {
	class := func(d doc) int {
		switch {
		case d.num != nil:
			return 0
		case d.str != nil:
			return 1
		}
		return 2
	}
	if c := class(x) - class(y); c != 0 {
		return c
	}
	switch class(x) {
	case 0:
		return s.flip(cmp.Compare(*x.num, *y.num))
	case 1:
		return s.flip(strings.Compare(*x.str, *y.str))
	}
	return 0
}

func (s shape) distance(x, y doc) int {
	switch {
	case x.dist == nil && y.dist == nil:
		return 0
	case x.dist == nil:
		return 1
	case y.dist == nil:
		return -1
	}
	return s.flip(cmp.Compare(*x.dist, *y.dist))
}

func drawShape(t *rapid.T) shape {
	b := func(n string) bool { return rapid.Bool().Draw(t, n) }
	return shape{unified: b("unified"), sorted: b("sorted"), geo: b("geo"), vector: b("vector"), keyword: b("keyword"), desc: b("desc"),
		stamped: b("stamped"), legacy: rapid.SampledFrom([]int{0, 0, 7}).Draw(t, "legacy")}
}

func drawDocs(t *rapid.T, most int) []doc {
	texts := []string{"", "a", "ab", "b", "é", `quo"te`, "tab\tbed", "back\\slash", "\u0001", "z"}
	n := rapid.IntRange(0, most).Draw(t, "docs")
	docs := make([]doc, n)
	in := func(a, b int, name string) int { return rapid.IntRange(a, b).Draw(t, name) }
	for i := range docs {
		d := doc{id: i, words: in(1, 3, "words"), typos: in(0, 2, "typos"), prox: in(5, 7, "prox"), attr: in(2, 3, "attr"), pos: in(9, 11, "pos"),
			exact: in(0, 2, "exact"), exWords: in(0, 1, "exWords"), sim: float64(float32(in(0, 4, "sim")) / 3), cutoff: in(0, 9, "cutoff") == 0,
			group: strconv.Itoa(in(0, 5, "group"))}
		switch in(0, 2, "kind") {
		case 0:
			v := float64(in(-2, 2, "num")) / 4
			d.num = &v
		case 1:
			v := rapid.SampledFrom(texts).Draw(t, "str")
			d.str = &v
		}
		if in(0, 3, "geo") > 0 {
			v := float64(in(0, 3, "dist")) * 1234.5
			d.dist = &v
		}
		docs[i] = d
	}
	return docs
}

// split deals the documents out to legs and ranks each leg as its engine would.
func (s shape) split(t *rapid.T, docs []doc, n int) [][]doc {
	legs := make([][]doc, n)
	for _, d := range docs {
		d.leg = rapid.IntRange(0, n-1).Draw(t, "leg")
		legs[d.leg] = append(legs[d.leg], d)
	}
	for _, l := range legs {
		slices.SortStableFunc(l, s.naive)
	}
	return legs
}

// merged is the twin's answer: all hits of all legs, sorted in one go, ties as they were written. Where all have stamps
// it is what one engine answers that got the documents in the order of their ids.
func (s shape) merged(legs [][]doc) []doc {
	all := slices.Concat(legs...)
	slices.SortStableFunc(all, func(x, y doc) int {
		if c := s.naive(x, y); c != 0 {
			return c
		}
		return strings.Compare(s.stamp(x), s.stamp(y))
	})
	return all
}

// marked writes an object without its closing brace as a sidecar does.
func (s shape) marked(object string, d doc) string {
	if !s.stamped {
		return object + "}"
	}
	object = strings.Replace(object, `,"_rankingScoreDetails":{`, ","+string(nodeapi.MarkLine)+`"_rankingScoreDetails":{`, 1)
	if stamp := s.stamp(d); stamp != "" {
		object += `,"_miroir_updated_at":"` + stamp + `"`
	}
	return object + "}" + string(nodeapi.MarkLine)
}

func (s shape) hit(d doc) string {
	return s.marked(fmt.Sprintf(`{"id":%d,"title":"a \"}{][\\\\","meta":{"a":[1,{"_rankingScoreDetails":{"words":{"order":0,"matchingWords":9}}}]},"group":%q,"_rankingScoreDetails":%s`,
		d.id, d.group, s.details(d)), d)
}

func (s shape) body(docs []doc, limit int) []byte {
	var hits []string
	for _, d := range docs[:min(limit, len(docs))] {
		hits = append(hits, s.hit(d))
	}
	return fmt.Appendf(nil, `{"hits":[%s],"query":"q \"]}","processingTimeMs":%d,"limit":%d,"offset":0,"estimatedTotalHits":%d,"requestUid":"u"}`,
		strings.Join(hits, ","), len(docs), limit, len(docs))
}

// answer is a search answer decoded for tests.
type answer struct {
	Hits               []json.RawMessage
	Query              string
	ProcessingTimeMs   int64
	Limit, Offset      *int
	EstimatedTotalHits *int64
	HitsPerPage, Page  *int
	TotalPages         *int64
	TotalHits          *int64
	FacetDistribution  json.RawMessage
	FacetStats         json.RawMessage
	SemanticHitCount   *int64
}

func decode(t testing.TB, body []byte) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, body)
	}
	return a
}

func ids(t testing.TB, a answer) []int {
	t.Helper()
	out := []int{}
	for _, h := range a.Hits {
		var v struct{ ID int }
		if err := json.Unmarshal(h, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v.ID)
	}
	return out
}

func docIDs(docs []doc) []int {
	out := []int{}
	for _, d := range docs {
		out = append(out, d.id)
	}
	return out
}
