package merge

import (
	"bytes"
	"math"
	"slices"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// IndexStats merges the statistics of one index. documents is the number of documents of the index, which the caller
// knows from the covering set; a node counts all its copies, so the sum of the legs would count some twice. With a nil
// documents the sum is given. Where the two differ, everything that is counted per document is brought to the given
// number: the nodes of a group hold every document equally often, so the share is exact outside of migrations.
func IndexStats(legs [][]byte, documents *int64, human bool) ([]byte, error) {
	s := indexStats{human: human}
	for _, leg := range legs {
		if err := s.add(leg); err != nil {
			return nil, err
		}
	}
	return s.append(nil, documents), nil
}

// GlobalStatsRequest says which indexes the client may see and under which names.
type GlobalStatsRequest struct {
	// Name gives the client's name of a physical index; ok is false for one that is not shown.
	Name func(physical string) (name string, ok bool)
	// Documents is the number of documents by the client's name; the sum of the legs where it is missing.
	Documents map[string]int64
	// LastUpdate is the RFC 3339 time to show, raw text; "" for the latest of the legs.
	LastUpdate string
	// Human is for sizes as texts.
	Human bool
}

// GlobalStats merges the statistics of whole nodes: sizes add up, the last update is the latest. The legs were asked for
// raw sizes.
func GlobalStats(req GlobalStatsRequest, legs [][]byte) ([]byte, error) {
	g := globalStats{req: &req, last: req.LastUpdate, byName: map[string]*indexStats{}}
	for _, leg := range legs {
		if err := g.add(leg); err != nil {
			return nil, err
		}
	}
	return g.append(nil), nil
}

// globalStats is the running sum of all indexes.
type globalStats struct {
	req            *GlobalStatsRequest
	database, used int64
	usedKnown      bool
	last           string
	byName         map[string]*indexStats
	names          []string
}

func (g *globalStats) add(leg []byte) error {
	m := objectAt(leg, 0)
	for m.next() {
		switch string(m.key) {
		case "databaseSize":
			v, _ := parseInt(m.raw())
			g.database += v
		case "usedDatabaseSize":
			v, _ := parseInt(m.raw())
			g.used, g.usedKnown = g.used+v, true
		case "lastUpdate":
			if at, ok := rawjson.Unquote(m.raw()); ok && g.req.LastUpdate == "" {
				g.last = later(g.last, at)
			}
		case "indexes":
			end, err := g.addIndexes(leg, m.value)
			if err != nil {
				return err
			}
			m.skipTo(end)
		}
	}
	if m.bad {
		return ErrAnswer
	}
	return nil
}

func (g *globalStats) addIndexes(leg []byte, i int) (end int, err error) {
	m := objectAt(leg, i)
	for m.next() {
		name, shown := g.req.Name(m.name())
		raw := m.raw()
		if !shown || m.bad {
			continue
		}
		s := g.byName[name]
		if s == nil {
			s = &indexStats{human: g.req.Human}
			g.byName[name] = s
			g.names = append(g.names, name)
		}
		if err := s.add(raw); err != nil {
			return 0, err
		}
	}
	if m.bad {
		return 0, ErrAnswer
	}
	return m.i, nil
}

func (g *globalStats) append(dst []byte) []byte {
	slices.Sort(g.names)
	dst = appendSize(append(dst, `{"databaseSize":`...), g.database, g.req.Human)
	if g.usedKnown {
		dst = appendSize(append(dst, `,"usedDatabaseSize":`...), g.used, g.req.Human)
	}
	dst = append(dst, `,"lastUpdate":`...)
	if g.last == "" {
		dst = append(dst, "null"...)
	} else {
		dst = rawjson.AppendQuoted(dst, g.last)
	}
	dst = append(dst, `,"indexes":{`...)
	for i, name := range g.names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(rawjson.AppendQuoted(dst, name), ':')
		var documents *int64
		if n, ok := g.req.Documents[name]; ok {
			documents = &n
		}
		dst = g.byName[name].append(dst, documents)
	}
	return append(dst, '}', '}')
}

// later gives the later of two RFC 3339 times in UTC as the engine writes them: same width up to the fraction, whose
// digits may differ in number.
func later(x, y string) string {
	trim := func(s string) string {
		for len(s) > 0 && s[len(s)-1] == 'Z' {
			s = s[:len(s)-1]
		}
		return s
	}
	if trim(x) >= trim(y) {
		return x
	}
	return y
}

// indexStats is the running sum of one index.
type indexStats struct {
	documents, rawSize   int64
	indexing             bool
	embeddings, embedded int64
	embeds               bool
	fields               []fieldCount // ascending by name
	sizes                []fieldCount // of internal databases, ascending by name
	human                bool         // sizes are texts
}

type fieldCount struct {
	name  []byte // raw
	count int64
}

func (s *indexStats) add(leg []byte) error {
	m := objectAt(leg, 0)
	known := false
	for m.next() {
		switch string(m.key) {
		case "numberOfDocuments":
			v, ok := parseInt(m.raw())
			s.documents, known = s.documents+v, ok
		case "rawDocumentDbSize":
			v, _ := parseInt(m.raw())
			s.rawSize += v
		case "isIndexing":
			s.indexing = string(m.raw()) == "true" || s.indexing
		case "numberOfEmbeddings":
			v, _ := parseInt(m.raw())
			s.embeddings, s.embeds = s.embeddings+v, true
		case "numberOfEmbeddedDocuments":
			v, _ := parseInt(m.raw())
			s.embedded, s.embeds = s.embedded+v, true
		case "fieldDistribution":
			end, err := addCounts(&s.fields, leg, m.value)
			if err != nil {
				return err
			}
			m.skipTo(end)
		case "internalDatabaseSizes":
			end, err := addCounts(&s.sizes, leg, m.value)
			if err != nil {
				return err
			}
			m.skipTo(end)
		}
	}
	if m.bad || !known {
		return ErrAnswer
	}
	return nil
}

// addCounts adds the members of the object at i, all numbers, to a list.
func addCounts(list *[]fieldCount, leg []byte, i int) (end int, err error) {
	m := objectAt(leg, i)
	for m.next() {
		name := m.key
		count, _ := parseInt(m.raw())
		at, ok := slices.BinarySearchFunc(*list, name, func(f fieldCount, n []byte) int { return bytes.Compare(f.name, n) })
		if !ok {
			*list = slices.Insert(*list, at, fieldCount{name: name})
		}
		(*list)[at].count += count
	}
	if m.bad {
		return 0, ErrAnswer
	}
	return m.i, nil
}

// appendSize appends a number of bytes, as a text if it is for people.
func appendSize(dst []byte, n int64, human bool) []byte {
	if human {
		return rawjson.AppendQuoted(dst, meili.HumanSize(n))
	}
	return appendNumber(dst, "", n)
}

func (s *indexStats) append(dst []byte, documents *int64) []byte {
	shown := s.documents
	if documents != nil {
		shown = *documents
	}
	average := int64(0)
	if s.documents > 0 {
		average = s.rawSize / s.documents
	}
	share := func(v int64) int64 {
		if shown == s.documents || s.documents == 0 {
			return v
		}
		return int64(math.Round(float64(v) * float64(shown) / float64(s.documents)))
	}
	dst = appendNumber(dst, `{"numberOfDocuments":`, shown)
	dst = appendSize(append(dst, `,"rawDocumentDbSize":`...), share(s.rawSize), s.human)
	dst = appendSize(append(dst, `,"avgDocumentSize":`...), average, s.human)
	dst = append(dst, `,"isIndexing":`...)
	if s.indexing {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "false"...)
	}
	if len(s.sizes) > 0 {
		dst = appendCounts(append(dst, `,"internalDatabaseSizes":`...), s.sizes, func(dst []byte, n int64) []byte { return appendSize(dst, n, s.human) })
	}
	if s.embeds {
		dst = appendNumber(dst, `,"numberOfEmbeddings":`, share(s.embeddings))
		dst = appendNumber(dst, `,"numberOfEmbeddedDocuments":`, share(s.embedded))
	}
	dst = appendCounts(append(dst, `,"fieldDistribution":`...), s.fields, func(dst []byte, n int64) []byte { return appendNumber(dst, "", share(n)) })
	return append(dst, '}')
}

func appendCounts(dst []byte, list []fieldCount, value func(dst []byte, n int64) []byte) []byte {
	dst = append(dst, '{')
	for i, f := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.name...), '"', ':')
		dst = value(dst, f.count)
	}
	return append(dst, '}')
}
