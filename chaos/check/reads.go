package check

import (
	"strings"

	"github.com/miroir-search/miroir/chaos/history"
)

// reads judges every answer of a read by what had been written.
func reads(ops []history.Op) (found []Violation) {
	b := newBook(ops)
	for _, o := range ops {
		if !o.Reads() || o.Outcome != history.Acknowledged {
			continue
		}
		found = append(found, counts(o)...)
		found = append(found, b.judge(o)...)
	}
	return found
}

// counts compares what a read counts with what it shows.
func counts(o history.Op) (found []Violation) {
	for _, id := range o.Twice {
		found = append(found, violated("twice", "%s shows %s more than once", name(o), id))
	}
	if o.Kind != history.Get && o.Total != len(o.Found) {
		found = append(found, violated("total", "%s counts %d documents and shows %d", name(o), o.Total, len(o.Found)))
	}
	if grouped := groups(o.Found); o.Kind == history.Search && o.Counted != grouped {
		found = append(found, violated("facets", "%s shows %d documents with a group and counts %d", name(o), grouped, o.Counted))
	}
	return found
}

func groups(found map[string]history.Document) (n int) {
	for _, d := range found {
		if _, ok := d[history.Group]; ok {
			n++
		}
	}
	return n
}

// book knows the writes by document.
type book struct {
	ids    []string
	writes map[string][]history.Op
}

func newBook(ops []history.Op) *book {
	b := &book{writes: map[string][]history.Op{}}
	for _, o := range ops {
		for id := range o.Docs {
			b.writes[id] = nil
		}
	}
	b.ids = sorted(b.writes)
	for _, o := range ops {
		if !o.Writes() {
			continue
		}
		for _, id := range b.ids {
			if touches(o, id) {
				b.writes[id] = append(b.writes[id], o)
			}
		}
	}
	return b
}

func (b *book) judge(r history.Op) (found []Violation) {
	for _, id := range sorted(r.Found) {
		for field, value := range r.Found[id] {
			if why := b.explain(r, id, field, value); why != "" {
				found = append(found, violated("read", "%s shows %s with %s=%d: %s", name(r), id, field, value, why))
			}
		}
	}
	if r.Degraded != "" {
		return found
	}
	asked := b.ids
	if r.Kind == history.Get {
		asked = r.IDs
	}
	for _, id := range asked {
		if _, ok := r.Found[id]; ok {
			continue
		}
		if w := b.missed(r, id); w != nil {
			found = append(found, violated("missing", "%s does not show %s, which %s wrote and nothing deleted since; %s",
				name(r), id, name(*w), told(b.writes[id], id)))
		}
	}
	return found
}

// explain says why a read could not see a value; empty when it could.
func (b *book) explain(r history.Op, id, field string, value int64) string {
	var why []string
	for _, w := range b.writes[id] {
		if v, ok := w.Docs[id][field]; !ok || v != value || w.Start > r.End {
			continue
		}
		later := b.superseded(r, w, id, field)
		if later == nil {
			return ""
		}
		why = append(why, name(w)+" wrote it, "+name(*later)+" came after it and had ended before the read")
	}
	if why == nil {
		return "nobody wrote that"
	}
	return strings.Join(why, ", ")
}

// superseded finds a write that changed the field after w and was visible before the read.
func (b *book) superseded(r, w history.Op, id, field string) *history.Op {
	for _, later := range b.writes[id] {
		if visible(later, r) && later.Start > end(w) && sets(later, id, field) {
			return &later
		}
	}
	return nil
}

// visible says whether everybody had been told before the read began that a write took place.
func visible(w, r history.Op) bool {
	return w.Outcome == history.Acknowledged && w.Ended == succeeded && w.Seen != 0 && w.Seen < r.Start
}

// sets says whether a write surely changes a field of a document.
func sets(o history.Op, id, field string) bool {
	switch o.Kind {
	case history.Merge:
		_, ok := o.Docs[id][field]
		return ok
	case history.Put, history.Delete, history.Clear:
		return true
	}
	return false // a deletion by filter depends on what was there
}

// missed finds a write that had to be visible to a read, and that nothing may have undone.
func (b *book) missed(r history.Op, id string) *history.Op {
	for _, w := range b.writes[id] {
		if (w.Kind == history.Put || w.Kind == history.Merge) && visible(w, r) && !b.undone(r, w, id) {
			return &w
		}
	}
	return nil
}

func (b *book) undone(r, w history.Op, id string) bool {
	for _, d := range b.writes[id] {
		if d.Kind != history.Put && d.Kind != history.Merge && d.Start <= r.End && end(d) >= w.Start {
			return true
		}
	}
	return false
}
