package meili

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/miroir-search/miroir/internal/apierr"
)

// searchFields are the members of a search body, in the order in which Meilisearch lists them.
var searchFields = []string{
	"q", "offset", "limit", "page", "hitsPerPage", "attributesToRetrieve", "attributesToCrop", "cropLength",
	"cropMarker", "attributesToHighlight", "highlightPreTag", "highlightPostTag", "showMatchesPosition", "filter",
	"sort", "distinct", "facets", "matchingStrategy", "attributesToSearchOn", "rankingScoreThreshold", "locales",
	"hybrid", "vector", "retrieveVectors", "media", "personalize", "useNetwork", "showRankingScore",
	"showRankingScoreDetails", "showPerformanceDetails",
}

// SearchQuery is a search as the gateway needs it: the window and the flags it acts on, everything else as raw JSON that
// the nodes judge.
type SearchQuery struct {
	Query                   string
	Offset, Limit           int
	Exhaustive              bool // page or hitsPerPage was given
	Page, HitsPerPage       int
	ShowRankingScore        bool
	ShowRankingScoreDetails bool
	members                 []member
}

// ParseSearchBody reads the body of POST search. Only what the gateway acts on is checked here; a wrong value of any
// other parameter gets the nodes' own answer.
func ParseSearchBody(body []byte) (*SearchQuery, *apierr.Error) {
	if e := checkBody(body); e != nil {
		return nil, e
	}
	list, e := decodeObject(body, "")
	if e != nil {
		return nil, e
	}
	q := &SearchQuery{Limit: defaultLimit, Page: 1, HitsPerPage: defaultLimit, members: list}
	for _, m := range list {
		if !slices.Contains(searchFields, m.name) {
			return nil, unknownField(m.name, "", searchFields...)
		}
		if e := q.set(m.name, m.value); e != nil {
			return nil, e
		}
	}
	return q, nil
}

func (q *SearchQuery) set(name string, raw []byte) (e *apierr.Error) {
	if string(raw) == "null" {
		return nil
	}
	switch name {
	case "q":
		var s *string
		if s, e = decodeString("invalid_search_q", ".q", raw, false); e == nil {
			q.Query = *s
		}
	case "offset":
		q.Offset, e = decodeCount("invalid_search_offset", ".offset", raw)
	case "limit":
		q.Limit, e = decodeCount("invalid_search_limit", ".limit", raw)
	case "page":
		q.Exhaustive = true
		q.Page, e = decodeCount("invalid_search_page", ".page", raw)
	case "hitsPerPage":
		q.Exhaustive = true
		q.HitsPerPage, e = decodeCount("invalid_search_hits_per_page", ".hitsPerPage", raw)
	case "showRankingScore":
		q.ShowRankingScore, e = decodeBool("invalid_search_show_ranking_score", ".showRankingScore", raw)
	case "showRankingScoreDetails":
		q.ShowRankingScoreDetails, e = decodeBool("invalid_search_show_ranking_score_details", ".showRankingScoreDetails", raw)
	}
	return e
}

func decodeCount(code apierr.Code, where string, raw []byte) (int, *apierr.Error) {
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return 0, wrongType(code, where, "a positive integer", raw)
	}
	return int(min(n, math.MaxInt32)), nil //nolint:gosec // bounded
}

func decodeBool(code apierr.Code, where string, raw []byte) (bool, *apierr.Error) {
	switch string(raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, wrongType(code, where, "a boolean", raw)
}

// searchParameters are the names of the GET form, each with how its text becomes JSON.
var searchParameters = map[string]func(string) json.RawMessage{
	"q": text, "vector": numbers, "offset": number, "limit": number, "page": number, "hitsPerPage": number,
	"attributesToRetrieve": words, "retrieveVectors": number, "attributesToCrop": words, "cropLength": number,
	"attributesToHighlight": words, "filter": jsonOrText, "sort": words, "distinct": text, "showMatchesPosition": number,
	"showRankingScore": number, "showRankingScoreDetails": number, "facets": words, "highlightPreTag": text,
	"highlightPostTag": text, "cropMarker": text, "matchingStrategy": text, "attributesToSearchOn": words,
	"rankingScoreThreshold": number, "locales": words, "showPerformanceDetails": number,
}

// ParseSearchParameters reads the query string of GET search into the same query as the POST form.
func ParseSearchParameters(query string) (*SearchQuery, *apierr.Error) {
	accepted := []string{
		"q", "offset", "limit", "page", "hitsPerPage", "attributesToRetrieve", "attributesToCrop", "cropLength",
		"cropMarker", "attributesToHighlight", "highlightPreTag", "highlightPostTag", "showMatchesPosition", "filter",
		"sort", "distinct", "facets", "matchingStrategy", "attributesToSearchOn", "rankingScoreThreshold", "locales",
		"hybridEmbedder", "hybridSemanticRatio", "vector", "retrieveVectors", "personalizeUserContext", "useNetwork",
		"showRankingScore", "showRankingScoreDetails", "showPerformanceDetails",
	}
	list, e := queryParameters(query, accepted...)
	if e != nil {
		return nil, e
	}
	q := &SearchQuery{Limit: defaultLimit, Page: 1, HitsPerPage: defaultLimit}
	hybrid := map[string]json.RawMessage{}
	for _, p := range list {
		value := string(p.value)
		switch p.name {
		case "hybridEmbedder":
			hybrid["embedder"] = text(value)
			continue
		case "hybridSemanticRatio":
			hybrid["semanticRatio"] = number(value)
			continue
		}
		convert := searchParameters[p.name]
		if convert == nil {
			return nil, apierr.New(apierr.MiroirNotImplemented, "The parameter `%s` is not implemented yet.", p.name)
		}
		raw := convert(value)
		if e := checkNumber(p.name, value); e != nil {
			return nil, e
		}
		if e := q.set(p.name, raw); e != nil {
			return nil, e
		}
		q.members = append(q.members, member{p.name, raw})
	}
	if len(hybrid) > 0 {
		raw, _ := json.Marshal(hybrid)
		q.members = append(q.members, member{"hybrid", raw})
	}
	return q, nil
}

// checkNumber words a wrong number or boolean of the query string, which reads otherwise than in a body.
func checkNumber(name, value string) *apierr.Error {
	codes := map[string]apierr.Code{
		"offset": "invalid_search_offset", "limit": "invalid_search_limit", "page": "invalid_search_page",
		"hitsPerPage": "invalid_search_hits_per_page", "cropLength": "invalid_search_crop_length",
	}
	if code, ok := codes[name]; ok {
		_, e := parseUint(code, name, value, 64)
		return e
	}
	bools := map[string]apierr.Code{
		"showMatchesPosition": "invalid_search_show_matches_position", "showRankingScore": "invalid_search_show_ranking_score",
		"showRankingScoreDetails": "invalid_search_show_ranking_score_details", "retrieveVectors": "invalid_search_retrieve_vectors",
		"showPerformanceDetails": "invalid_search_show_performance_details",
	}
	if code, ok := bools[name]; ok {
		_, e := parseBool(code, name, value)
		return e
	}
	if name == "rankingScoreThreshold" {
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return badParameter("invalid_search_ranking_score_threshold", name, "could not parse `%s` as a floating point number", value)
		}
	}
	return nil
}

func text(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings always encode
	return bytes.TrimSpace(b.Bytes())
}

func number(s string) json.RawMessage { return json.RawMessage(s) }

func numbers(s string) json.RawMessage { return json.RawMessage("[" + s + "]") }

func words(s string) json.RawMessage {
	parts := strings.Split(s, ",")
	out := make([]json.RawMessage, len(parts))
	for i, p := range parts {
		out[i] = text(p)
	}
	b, _ := json.Marshal(out)
	return b
}

func jsonOrText(s string) json.RawMessage {
	if json.Valid([]byte(s)) && (strings.HasPrefix(strings.TrimSpace(s), "[") || strings.HasPrefix(strings.TrimSpace(s), `"`)) {
		return json.RawMessage(s)
	}
	return text(s)
}

// LegOptions say how a search changes on its way to the nodes.
type LegOptions struct {
	Displayed    []string // displayedAttributes of the index; nil means all
	MaxTotalHits int      // pagination.maxTotalHits of the index
}

// attributeLists are the parameters that name attributes of hits and must not reach past what is displayed.
var attributeLists = map[string]bool{"attributesToRetrieve": true, "attributesToCrop": true, "attributesToHighlight": true}

// LegBody is the search as every leg gets it: the window starts at rank 0, score details are on, and attributes that are
// not displayed are not asked for.
func (q *SearchQuery) LegBody(o LegOptions) []byte {
	out := append(make([]byte, 0, 512), '{')
	put := func(name string, raw []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), name...), `":`...)
		out = append(out, raw...)
	}
	retrieve := false
	for _, m := range q.members {
		switch m.name {
		case "offset", "limit", "page", "hitsPerPage", "showRankingScoreDetails":
			continue
		case "attributesToRetrieve":
			retrieve = string(m.value) != "null"
		}
		if attributeLists[m.name] && o.Displayed != nil {
			m.value = restrict(m.value, o.Displayed)
		}
		put(m.name, m.value)
	}
	if o.Displayed != nil && !retrieve {
		list, _ := json.Marshal(o.Displayed)
		put("attributesToRetrieve", list)
	}
	bound := o.MaxTotalHits
	if bound <= 0 {
		bound = math.MaxInt32
	}
	if q.Exhaustive {
		n := min(bound, mulBound(max(1, q.Page), q.HitsPerPage))
		put("page", []byte(strconv.Itoa(min(q.Page, 1))))
		put("hitsPerPage", strconv.AppendInt(nil, int64(n), 10))
	} else {
		put("limit", strconv.AppendInt(nil, int64(min(bound, min(q.Offset, math.MaxInt32-q.Limit)+q.Limit)), 10))
	}
	put("showRankingScoreDetails", []byte("true"))
	return append(out, '}')
}

func mulBound(a, b int) int {
	if b != 0 && a > math.MaxInt32/b {
		return math.MaxInt32
	}
	return a * b
}

// restrict keeps the attributes of a list that are displayed; "*" becomes the displayed ones.
func restrict(raw json.RawMessage, displayed []string) json.RawMessage {
	var list []string
	if string(raw) == "null" || json.Unmarshal(raw, &list) != nil {
		return raw
	}
	out := []string{}
	for _, a := range list {
		name, _, cropped := strings.Cut(a, ":")
		switch {
		case a == "*":
			out = append(out, displayed...)
		case slices.ContainsFunc(displayed, func(d string) bool { return covers(d, a) || cropped && covers(d, name) }):
			out = append(out, a)
		}
	}
	b, _ := json.Marshal(out)
	return b
}

// covers says whether displaying an attribute displays another: itself, or one nested below it.
func covers(displayed, attribute string) bool {
	return attribute == displayed || strings.HasPrefix(attribute, displayed+".")
}

// Seed is a number that the query decides without its window, so that all pages of a query are planned alike.
func (q *SearchQuery) Seed() uint64 {
	var d xxhash.Digest
	d.Reset()
	for _, m := range q.members {
		switch m.name {
		case "offset", "limit", "page", "hitsPerPage":
			continue
		}
		_, _ = d.WriteString(m.name)
		_, _ = d.Write(m.value)
	}
	return d.Sum64()
}
