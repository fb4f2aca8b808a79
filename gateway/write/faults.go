package write

import (
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// maxFaults bounds how many wrong documents are remembered. With more of them, right ones of the same ids do not help any more.
const maxFaults = 1000

// faults are the wrong documents of a payload, by their ids: one engine looks at a document as the whole payload leaves it.
type faults struct {
	known map[string]*fault
	order []*fault
	full  bool
}

type fault struct{ meili.Fault }

// add takes what was found about the next document of that id. update says that it leaves members alone that it does not have.
func (f *faults) add(id []byte, now meili.Fault, update bool) {
	before, ok := f.known[string(id)]
	switch {
	case !ok && !now.Wrong(), f.full:
	case !ok:
		if len(f.order) == maxFaults {
			f.full = true
			return
		}
		if f.known == nil {
			f.known = map[string]*fault{}
		}
		before = &fault{now}
		f.known[string(id)], f.order = before, append(f.order, before)
	case !update:
		before.Fault = now
	default:
		if now.HasGeo {
			before.Geo = now.Geo
		}
		if now.HasVectors {
			before.Vectors = now.Vectors
		}
	}
}

// first is the error of the first document that is wrong in the end. Vectors are read before places, in all documents.
func (f *faults) first() *apierr.Error {
	var geo *apierr.Error
	for _, one := range f.order {
		if one.Vectors != nil {
			return one.Vectors
		}
		if geo == nil {
			geo = one.Geo
		}
	}
	return geo
}
