package strip

import (
	"bytes"
	"encoding/json"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// Kind says what an answer is.
type Kind int

// Kinds of answers.
const (
	Opaque     Kind = iota // nothing in it is ours: copied as it stands
	Search                 // search, similar and both forms of multi-search
	Documents              // a page of documents
	Document               // one document
	Stats                  // statistics of one index
	AllStats               // statistics of the node
	Settings               // all settings of an index
	Filterable             // the filterableAttributes setting alone
	Fields                 // field list of an index
	Task                   // one task, or the answer that it was enqueued
	Tasks                  // a page of tasks
	Index                  // one index
	Indexes                // a page of indexes
	Error                  // an error object

	MarkedSearch    // Search, for a leg that asks for stamps
	MarkedDocuments // Documents, likewise
)

// Marked is the kind of the same answer for a leg that asks for stamps (nodeapi.MarkLine). Kinds without hits or documents
// stay what they are.
func (k Kind) Marked() Kind {
	switch k {
	case Search:
		return MarkedSearch
	case Documents:
		return MarkedDocuments
	}
	return k
}

func (k Kind) marked() bool { return k == MarkedSearch || k == MarkedDocuments }

// Names turns a physical index name into the one that clients know; ok is false for a name that is not known.
type Names func(physical string) (uid string, ok bool)

func (n Names) logical(physical string) string {
	if n != nil {
		if uid, ok := n(physical); ok {
			return uid
		}
	}
	return physical
}

// rule says what happens to a value. The zero rule copies it.
type rule struct {
	keys       map[string]*rule           // members by name
	other      *rule                      // members without a rule of their own
	elem       *rule                      // elements of an array
	gone       func(key []byte) bool      // members to leave out
	drops      func(raw []byte) bool      // elements to leave out
	text       func(Names, string) string // what becomes of a string
	renameKeys bool                       // keys are physical index names
	marked     bool                       // a hit or document that keeps its stamp at its end, between marks
}

func (r *rule) object() bool {
	return r.keys != nil || r.other != nil || r.gone != nil || r.renameKeys
}

func (r *rule) member(key []byte) (child *rule, drop bool) {
	if r.gone != nil && r.gone(key) {
		return nil, true
	}
	if child, ok := r.keys[string(key)]; ok {
		return child, false
	}
	return r.other, false
}

func rename(n Names, text string) string { return n.logical(text) }

// rules holds the tree of every kind; it is built once and never changed.
var rules = buildRules()

var (
	nameRule  = &rule{text: rename}
	cleanRule = &rule{gone: reserved}
)

func buildRules() map[Kind]*rule {
	stats := &rule{keys: map[string]*rule{"fieldDistribution": cleanRule}}
	filterable := &rule{drops: reservedAttribute}
	settings := &rule{keys: map[string]*rule{"filterableAttributes": filterable}}
	failure := &rule{keys: map[string]*rule{"message": {text: message}}}
	task := &rule{keys: map[string]*rule{
		"indexUid": nameRule, "error": failure,
		"details": {keys: map[string]*rule{"filterableAttributes": filterable, "oldIndexUid": nameRule, "newIndexUid": nameRule}},
	}}
	index := &rule{keys: map[string]*rule{"uid": nameRule}}
	page := func(elem *rule) *rule { return &rule{keys: map[string]*rule{"results": {elem: elem}}} }
	return map[Kind]*rule{
		Opaque: nil, Search: searchRule(false), Documents: page(cleanRule), Document: cleanRule,
		MarkedSearch: searchRule(true), MarkedDocuments: page(&rule{gone: reserved, marked: true}),
		Stats: stats, AllStats: {keys: map[string]*rule{"indexes": {renameKeys: true, other: stats}}},
		Settings: settings, Filterable: filterable, Task: task, Tasks: page(task), Index: index, Indexes: page(index),
		Fields: {keys: map[string]*rule{"results": {drops: reservedEntry}}}, Error: failure,
	}
}

// searchRule is the tree of searches of every kind.
func searchRule(marked bool) *rule {
	hit := &rule{gone: reserved, marked: marked, keys: map[string]*rule{
		"_formatted": cleanRule, "_matchesPosition": cleanRule, "_rankingScoreDetails": {gone: reservedRule},
		"_federation": {keys: map[string]*rule{"indexUid": nameRule}},
	}}
	answer := map[string]*rule{
		"facetDistribution": cleanRule, "facetStats": cleanRule,
		"hits": {elem: hit}, "indexUid": nameRule,
		"metadata": {keys: map[string]*rule{"indexUid": nameRule}, elem: &rule{keys: map[string]*rule{"indexUid": nameRule}}},
		"facetsByIndex": {renameKeys: true, other: &rule{
			keys: map[string]*rule{"distribution": cleanRule, "stats": cleanRule},
		}},
	}
	search := &rule{keys: answer}
	multi := &rule{keys: map[string]*rule{"results": {elem: search}}}
	for k, v := range answer {
		multi.keys[k] = v
	}
	return multi
}

// reservedAttribute finds the overlay's entry in filterableAttributes, as a name or as a rule for nothing else.
func reservedAttribute(raw []byte) bool {
	if !bytes.Contains(raw, reservedPrefix) {
		return false
	}
	var name string
	if json.Unmarshal(raw, &name) == nil {
		return nodeapi.IsReserved(name)
	}
	var r struct {
		Patterns []string `json:"attributePatterns"`
	}
	if json.Unmarshal(raw, &r) != nil || len(r.Patterns) == 0 {
		return false
	}
	for _, p := range r.Patterns {
		if !nodeapi.IsReserved(p) {
			return false
		}
	}
	return true
}

// reservedEntry finds a reserved field in a list of field descriptions.
func reservedEntry(raw []byte) bool {
	if !bytes.Contains(raw, reservedPrefix) {
		return false
	}
	var f struct {
		Name string `json:"name"`
	}
	return json.Unmarshal(raw, &f) == nil && nodeapi.IsReserved(f.Name)
}
