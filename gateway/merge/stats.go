package merge

import (
	"bytes"
	"math"
	"slices"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// IndexStats merges the statistics of one index. documents is the number of documents of the index, which the caller
// knows from the covering set; a node counts all its copies, so the sum of the legs would count some twice. With a nil
// documents the sum is given. Where the two differ, everything that is counted per document is brought to the given
// number: the nodes of a group hold every document equally often, so the share is exact outside of migrations.
func IndexStats(legs [][]byte, documents *int64) ([]byte, error) {
	var s indexStats
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
			s = &indexStats{}
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
	dst = appendNumber(dst, `{"databaseSize":`, g.database)
	if g.usedKnown {
		dst = appendNumber(dst, `,"usedDatabaseSize":`, g.used)
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
	sizes                []byte       // internalDatabaseSizes of the first leg that has them
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
			inner := objectAt(leg, m.value)
			for inner.next() {
				name := inner.key
				v, _ := parseInt(inner.raw())
				s.field(name, v)
			}
			if inner.bad {
				return ErrAnswer
			}
			m.skipTo(inner.i)
		case "internalDatabaseSizes":
			if raw := m.raw(); s.sizes == nil {
				s.sizes = raw
			}
		}
	}
	if m.bad || !known {
		return ErrAnswer
	}
	return nil
}

func (s *indexStats) field(name []byte, count int64) {
	at, ok := slices.BinarySearchFunc(s.fields, name, func(f fieldCount, n []byte) int { return bytes.Compare(f.name, n) })
	if !ok {
		s.fields = slices.Insert(s.fields, at, fieldCount{name: name})
	}
	s.fields[at].count += count
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
	dst = appendNumber(dst, `,"rawDocumentDbSize":`, share(s.rawSize))
	dst = appendNumber(dst, `,"avgDocumentSize":`, average)
	dst = append(dst, `,"isIndexing":`...)
	if s.indexing {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "false"...)
	}
	if s.embeds {
		dst = appendNumber(dst, `,"numberOfEmbeddings":`, share(s.embeddings))
		dst = appendNumber(dst, `,"numberOfEmbeddedDocuments":`, share(s.embedded))
	}
	dst = append(dst, `,"fieldDistribution":{`...)
	for i, f := range s.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.name...), '"', ':')
		dst = appendNumber(dst, "", share(f.count))
	}
	dst = append(dst, '}')
	dst = appendRaw(dst, `,"internalDatabaseSizes":`, s.sizes)
	return append(dst, '}')
}
