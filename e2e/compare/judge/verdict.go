package judge

import "github.com/miroir-search/miroir/e2e/compare/query"

// Class is what a comparison came to.
type Class string

// Classes. The letters are those of the list of what depends on the contents of an index, in docs/exactness.md.
const (
	Equal     Class = "equal"
	Tie       Class = "tie: equal ranking details, another order"
	Different Class = "different"

	Frequency   Class = "(a) words dropped by local frequency"
	SplitWords  Class = "(b) a word split by local frequency"
	Capped      Class = "(c) more words match than an engine tries"
	Prefixes    Class = "(d) proximity of a prefix"
	NGrams      Class = "(e) scale of a score, by joined words"
	Cutoff      Class = "(f) cut off by time"
	GeoMetre    Class = "(g) places within a metre"
	Nearest     Class = "(h) nearest vectors found approximately"
	Distinct    Class = "(j) counts under distinct"
	Exactness   Class = "(m) exactness within a bucket"
	Marking     Class = "(n) marking of a prefix"
	Lost        Class = "(o) documents that the engine leaves out of a list by distance"
	Panics      Class = "(p) the engine panics, and so does every copy"
	Interleaved Class = "(q) lists of several queries with sorts, interleaved"
	Threshold   Class = "estimate under a ranking score threshold"
	FacetTies   Class = "facet values of equal count"
	FacetCut    Class = "facet counts marked as approximate"
	Unserved    Class = "not served yet"
	Wording     Class = "a refusal in the words of 1.50 where the engine is older"
)

// Verdict is the outcome of one comparison.
type Verdict struct {
	Class Class
	Why   string // for a class and a difference: what was seen
}

// shares are how many of a hundred comparisons may be of a class; one without an entry may be any number.
var shares = map[Class]float64{
	Tie: 2, Frequency: 1, SplitWords: 0.5, Capped: 3, Prefixes: 1, NGrams: 1, Cutoff: 0, GeoMetre: 0.5, Nearest: 1, Distinct: 6,
	Exactness: 0.5, Marking: 1.5, Lost: 1, Panics: 0.5, Interleaved: 0.5, Threshold: 2, FacetTies: 8, FacetCut: 4, Wording: 8,
}

// nearestAnyway is the share of the semantic queries: the trees of the project's own engine miss near vectors everywhere.
const nearestAnyway = 12

// Bound is how many of a hundred comparisons may be of a class, with a real engine or the project's own.
func Bound(c Class, real bool) (share float64, bounded bool) {
	if c == Nearest && !real {
		return nearestAnyway, true
	}
	share, bounded = shares[c]
	return share, bounded
}

func different(format string, args ...any) Verdict { return verdict(Different, format, args...) }

// Pair is one query with both answers.
type Pair struct {
	Query   query.Query
	Single  Answer
	Cluster Answer
}
