package replica

import (
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// vectors is the one field that Meilisearch merges by its members when a document is updated.
const vectors = "_vectors"

// compose makes one operation of several on a document: what they do one after the other. It is a Replace or a Delete where
// the first of them does not depend on what was before, else an Update; there, all are updates.
func compose(ops []journal.Known, bodies [][]byte) (kind guard.Kind, body []byte) {
	kind = guard.Update
	for i, op := range ops {
		gone := kind == guard.Delete
		switch {
		case op.Kind == guard.Delete:
			kind, body = guard.Delete, nil
		case op.Kind == guard.Replace || op.Kind == guard.Copy || gone && op.Kind == guard.Update:
			kind, body = guard.Replace, bodies[i]
		case gone: // what changes existing documents only does nothing
		case op.Kind == guard.ReplaceExisting || body == nil:
			body = bodies[i]
		default:
			body = append(overlay(body, bodies[i], true), '\n')
		}
	}
	return kind, body
}

// overlay is an object with the members of another one over its own.
func overlay(under, over []byte, document bool) []byte {
	o := members{at: map[string]rawjson.Member{}}
	rawjson.EachMember(under, o.put)
	if document {
		o.merged = vectors
	}
	rawjson.EachMember(over, o.put)
	return o.object()
}

// members are those of an object, in the order in which they came first. The last one of a name counts.
type members struct {
	names  []string
	at     map[string]rawjson.Member
	merged string // name of an object that does not hide one before it, but lies over it
}

func (o *members) put(key, value []byte) bool {
	name, _ := rawjson.Unquote(key)
	old, known := o.at[name]
	switch {
	case !known:
		o.names = append(o.names, name)
	case name == o.merged && old.Value[0] == '{' && value[0] == '{':
		value = overlay(old.Value, value, false)
	}
	o.at[name] = rawjson.Member{Key: key, Value: value}
	return true
}

func (o *members) object() []byte {
	out := []byte{'{'}
	for i, name := range o.names {
		if i > 0 {
			out = append(out, ',')
		}
		m := o.at[name]
		out = append(append(append(out, m.Key...), ':'), m.Value...)
	}
	return append(out, '}')
}
