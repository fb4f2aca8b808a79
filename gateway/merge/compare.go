package merge

import "bytes"

// compareScores is MG-1: it says by the rules in their order which of two hits comes first (negative: x). It is a total
// order on keys; what it leaves equal is decided by the legs' order and then by each leg's own.
func compareScores(x, y []score) int {
	n := min(len(x), len(y))
	for i := range n {
		if c := compareScore(&x[i], &y[i]); c != 0 {
			return c
		}
	}
	// One is the beginning of the other: the longer one was ranked by more rules.
	return len(y) - len(x)
}

func compareScore(x, y *score) int {
	if x.kind != y.kind {
		return int(x.kind) - int(y.kind)
	}
	if x.desc != y.desc {
		// Only when legs run under different settings for a moment; any fixed order will do.
		if y.desc {
			return -1
		}
		return 1
	}
	if x.class != y.class {
		return int(x.class) - int(y.class)
	}
	switch {
	case x.a > y.a:
		return -1
	case x.a < y.a:
		return 1
	case x.b > y.b:
		return -1
	case x.b < y.b:
		return 1
	}
	if x.class != classString || x.kind != ruleSort {
		return 0
	}
	if x.desc {
		return bytes.Compare(y.text, x.text)
	}
	return bytes.Compare(x.text, y.text)
}
