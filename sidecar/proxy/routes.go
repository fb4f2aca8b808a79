package proxy

import (
	"github.com/miroir-search/miroir/sidecar/strip"
)

// class says what is done with a leg of a route.
type class int

const (
	passes   class = iota // about the node: forwarded as it is
	views                 // reads an index, without its documents
	reads                 // reads documents: placement, filter
	fetches               // GET of a page of documents, turned into its POST form
	finds                 // one document
	multiple              // multi-search: every query by its own index
	enqueues              // a write about the node
	creates               // creation of an index
	removes               // deletion of an index
	alters                // a write about an index, not its documents
	adds                  // documents
	deletes               // documents by id
	selects               // a write to documents that a filter selects
	clears                // all documents
)

// route is one rule.
type route struct {
	method, path string
	class        class
	kind         strip.Kind // of the answer
	metadata     bool       // the engine takes customMetadata here
}

func (rt route) handler(s *Server) serve {
	switch rt.class {
	case passes:
		return s.pass(rt)
	case views:
		return s.fresh(s.view(rt))
	case reads:
		return s.fresh(s.read(rt))
	case fetches:
		return s.fresh(s.fetch(rt))
	case finds:
		return s.fresh(s.find(rt))
	case multiple:
		return s.fresh(s.multi(rt))
	default:
		return s.write(rt)
	}
}

// settingsNames are the sub-routes of settings, with the verb that changes them.
var settingsNames = map[string]string{
	"filterable-attributes": "PUT", "sortable-attributes": "PUT", "displayed-attributes": "PUT", "searchable-attributes": "PUT",
	"stop-words": "PUT", "non-separator-tokens": "PUT", "separator-tokens": "PUT", "dictionary": "PUT", "synonyms": "PUT",
	"distinct-attribute": "PUT", "proximity-precision": "PUT", "localized-attributes": "PUT", "ranking-rules": "PUT",
	"search-cutoff-ms": "PUT", "facet-search": "PUT", "prefix-search": "PUT", "foreign-keys": "PUT",
	"typo-tolerance": "PATCH", "faceting": "PATCH", "pagination": "PATCH", "embedders": "PATCH", "chat": "PATCH",
}

// settingsPath is the route of all settings, and begins those of single ones.
const settingsPath = "/indexes/{uid}/settings"

// routes is the whole surface of the engine that legs may use. What is missing is refused: keys, dumps, logs, network,
// export, swaps, chats and webhooks are the cluster's business, not a node's.
func routes() []route {
	const index, docs, settings = "/indexes/{uid}", "/indexes/{uid}/documents", settingsPath
	list := []route{
		{"GET", "/health", passes, strip.Opaque, false},
		{"GET", "/version", passes, strip.Opaque, false},
		{"GET", "/stats", passes, strip.AllStats, false},
		{"GET", "/indexes", passes, strip.Indexes, false},
		{"GET", "/tasks", passes, strip.Tasks, false},
		{"GET", "/tasks/{task}", passes, strip.Task, false},
		{"GET", "/batches", passes, strip.Opaque, false},
		{"GET", "/batches/{batch}", passes, strip.Opaque, false},
		{"GET", "/experimental-features", passes, strip.Opaque, false},

		{"GET", index, views, strip.Index, false},
		{"GET", index + "/stats", views, strip.Stats, false},
		{"POST", index + "/fields", views, strip.Fields, false},
		{"GET", settings, views, strip.Settings, false},

		{"POST", index + "/search", reads, strip.Search, false},
		{"GET", index + "/search", reads, strip.Search, false},
		{"POST", index + "/facet-search", reads, strip.Search, false},
		{"POST", index + "/similar", reads, strip.Search, false},
		{"GET", index + "/similar", reads, strip.Search, false},
		{"POST", docs + "/fetch", reads, strip.Documents, false},
		{"GET", docs, fetches, strip.Documents, false},
		{"GET", docs + "/{id}", finds, strip.Document, false},
		{"POST", "/multi-search", multiple, strip.Search, false},

		{"POST", "/tasks/cancel", enqueues, strip.Task, false},
		{"DELETE", "/tasks", enqueues, strip.Task, false},
		{"POST", "/snapshots", enqueues, strip.Task, false},
		{"PATCH", "/experimental-features", enqueues, strip.Opaque, false},
		{"POST", "/indexes", creates, strip.Task, false},
		{"DELETE", index, removes, strip.Task, false},
		{"PATCH", index, alters, strip.Task, false},
		{"POST", index + "/compact", alters, strip.Task, false},
		{"PATCH", settings, alters, strip.Task, false},
		{"DELETE", settings, alters, strip.Task, false},

		{"POST", docs, adds, strip.Task, true},
		{"PUT", docs, adds, strip.Task, true},
		{"POST", docs + "/delete-batch", deletes, strip.Task, true},
		{"DELETE", docs + "/{id}", deletes, strip.Task, true},
		{"POST", docs + "/delete", selects, strip.Task, true},
		{"POST", docs + "/edit", selects, strip.Task, true},
		{"DELETE", docs, clears, strip.Task, true},
	}
	for name, verb := range settingsNames {
		kind := strip.Opaque
		if name == "filterable-attributes" {
			kind = strip.Filterable
		}
		path := settings + "/" + name
		list = append(list, route{"GET", path, views, kind, false}, route{verb, path, alters, strip.Task, false},
			route{"DELETE", path, alters, strip.Task, false})
	}
	return list
}
