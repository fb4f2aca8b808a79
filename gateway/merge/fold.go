package merge

import (
	"cmp"
	"math"
	"slices"
)

// Hits of different lists (keyword and vector, or two queries of one federated search) are not compared rule by rule:
// their rules differ. The engine folds every run of rules between sort values into one score in [0, 1], multiplies it by
// the weight of its list and compares the shorter lists that result.

// fold turns the key of the current hit into such a list. global is the hit's own ranking score where the answer has it:
// with no sort rule in between it is the fold of all rules, exact. Otherwise the fold is computed from the details; the
// number of steps of some rules is not in them and is estimated, which matters only between lists.
func (s *stream) fold(weight float64, global float64, hasGlobal bool) {
	if hasGlobal {
		s.foldWeighted(global*weight, weight)
		return
	}
	s.key.foldRules(weight)
}

// foldWeighted is fold where the weighted score of the whole hit is known.
func (s *stream) foldWeighted(weighted, weight float64) {
	k := &s.key
	if len(k.scores) == 0 {
		k.values = k.values[:0] // ranked by nothing: after all that is ranked by something
		return
	}
	first := slices.IndexFunc(k.scores, func(v score) bool { return v.kind == ruleSort || v.kind == ruleGeo })
	if first < 0 {
		k.values = append(k.values[:0], score{kind: ruleWeighted, a: weighted})
		return
	}
	if first == 0 || slices.ContainsFunc(k.scores[first:], func(v score) bool { return v.kind != ruleSort && v.kind != ruleGeo }) {
		k.foldRules(weight)
		return
	}
	// All that is folded stands before the first sort value, as with a custom rule at the end: it is the whole score.
	k.values = append(append(k.values[:0], score{kind: ruleWeighted, a: weighted}), k.scores[first:]...)
}

func (k *key) foldRules(weight float64) {
	k.values = k.values[:0]
	var f folder
	for i := range k.scores {
		v := &k.scores[i]
		switch v.kind {
		case ruleSort, ruleGeo:
			k.values = f.flush(k.values, weight)
			k.values = append(k.values, *v)
		case ruleVector:
			k.values = f.flush(k.values, weight)
			k.values = append(k.values, score{kind: ruleWeighted, a: v.a * weight})
		case rulePin, ruleUnknown, ruleWeighted:
		default:
			f.rule(v)
		}
	}
	k.values = f.flush(k.values, weight)
}

// folder folds ranks: a rank of r out of m below an outer score leaves (1-r/m) of the outer's last step missing.
type folder struct {
	score, steps float64
	words        float64
	open         bool
}

func (f *folder) rank(ratio, steps float64) {
	if !f.open {
		f.score, f.steps, f.open = 1, 1, true
	}
	f.score -= (1 - ratio) / f.steps
	f.steps *= max(steps, 1)
}

func (f *folder) flush(to []score, weight float64) []score {
	if !f.open {
		return to
	}
	f.open = false
	return append(to, score{kind: ruleWeighted, a: f.score * weight})
}

func (f *folder) rule(v *score) {
	switch v.kind {
	case ruleWords:
		f.words = max(v.most, 1)
		f.rank(v.a/f.words, f.words)
	case ruleTypo:
		f.rank((v.most+1+v.a)/(v.most+1), v.most+1)
	case ruleProximity:
		f.rank(v.a, steps(v.a, 7*(f.words-1)+1))
	case ruleAttributeRank:
		f.rank(v.a, steps(v.a, f.words+1))
	case ruleWordPosition:
		f.rank(v.a, steps(v.a, 10*f.words+1))
	case ruleAttribute:
		f.rank(v.a, steps(v.a, f.words+1))
		f.rank(v.b, steps(v.b, 10*f.words+1))
	case ruleExactness:
		f.rank((v.a+1)/3, 3)
		if v.a == 0 {
			f.rank((v.b+1)/(v.most+1), v.most+1)
		}
	case ruleSkipped:
		f.rank(0, 1)
	default:
	}
}

// steps guesses how many steps a rule has whose score is a whole number of them: the guess if it fits, otherwise the
// smallest number that does.
func steps(ratio, guess float64) float64 {
	fits := func(n float64) bool { return math.Abs(ratio*n-math.Round(ratio*n)) < 1e-9*n }
	if fits(guess) {
		return guess
	}
	for n := 2.0; n <= 256; n++ {
		if fits(n) {
			return n
		}
	}
	return max(guess, 1)
}

// nearlyEqual is the engine's equality of folded scores.
func nearlyEqual(x, y float64) bool { return math.Abs(x-y) <= 2.220446049250313e-16 }

// compareHybrid orders a keyword hit and a vector hit as one engine does: score against score; a sort value against a
// score loses unless the score is zero; the longer list wins.
func compareHybrid(x, y []score) int { return compareSides(x, y, 1, 1) }

// compareSides is compareHybrid for scores that still have to be weighed by their sides.
func compareSides(x, y []score, weightX, weightY float64) int {
	for i := range min(len(x), len(y)) {
		a, b := &x[i], &y[i]
		switch {
		case a.kind == ruleWeighted && b.kind == ruleWeighted:
			p, q := a.a*weightX, b.a*weightY
			if nearlyEqual(p, q) {
				continue
			}
			if p > q {
				return -1
			}
			return 1
		case a.kind == ruleWeighted:
			if a.a == 0 {
				return 1
			}
			return -1
		case b.kind == ruleWeighted:
			if b.a == 0 {
				return -1
			}
			return 1
		}
		if c := compareScore(a, b); c != 0 {
			return c
		}
	}
	return len(y) - len(x)
}

// compareWeighted orders hits of different queries as one engine does: value by value while they are of one kind; then
// the list with more left wins, then the better weighted score of the whole hit.
func compareWeighted(x, y []score, globalX, globalY float64) int {
	for i := range min(len(x), len(y)) {
		a, b := &x[i], &y[i]
		if a.kind != b.kind || a.desc != b.desc {
			if len(x) != len(y) {
				return len(y) - len(x)
			}
			return cmp.Compare(globalY, globalX)
		}
		if a.kind == ruleWeighted {
			if nearlyEqual(a.a, b.a) {
				continue
			}
			if a.a > b.a {
				return -1
			}
			return 1
		}
		if c := compareScore(a, b); c != 0 {
			return c
		}
	}
	return len(y) - len(x)
}
