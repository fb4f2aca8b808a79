package leg

// A node that is asked for a hybrid query within a federation decides by its own hits whether words are good enough, and
// makes the query's vector itself. The cluster decides for all nodes: first each hybrid query is asked for by words alone, as
// a search of its own with the window of the federation. Where these are good enough the nodes are asked for words only. Where
// they are not, no node's own are, for its best hits are among the best of all, unless hits are sorted by something else.

// ByVectors lists the queries that look for vectors, of indexes that are there.
func (f *Federated) ByVectors() []int {
	var list []int
	for i, s := range f.queries {
		if _, known := f.indexes[f.multi[i].IndexUID]; known && s.Kind != Keyword {
			list = append(list, i)
		}
	}
	return list
}

// Alone is a query as a search of its own, which lists what the federation may need of it.
func (f *Federated) Alone(i int) *Search {
	fed, s := f.federation, f.queries[i]
	q := *s.query
	q.Offset, q.Limit = fed.Offset, fed.Limit
	if fed.Exhaustive {
		q.Offset, q.Limit = 0, product(max(1, fed.Page), fed.HitsPerPage)
	}
	return NewSearch(&q, s.settings, s.primary)
}

// WordsOnly lets the nodes look for the words of a hybrid query only.
func (f *Federated) WordsOnly(i int) { f.decided[i] = half{ratio: noVectors} }

// UseVector lets the nodes look for a vector that was made, given as a JSON array.
func (f *Federated) UseVector(i int, vector []byte) { f.decided[i] = half{vector: vector} }
