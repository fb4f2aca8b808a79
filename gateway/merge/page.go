package merge

import "strconv"

// Page is what the client asked for, with Meilisearch's defaults already in place.
type Page struct {
	Exhaustive  bool // page or hitsPerPage was given: totals are exact and the answer has page members
	Offset      int
	Limit       int
	Page        int
	HitsPerPage int
}

// window gives the ranks [from, to) of the merged list that make the page. No rank beyond maxTotalHits is ever served;
// 0 means no such bound.
func (p Page) window(maxTotalHits int) (from, to int) {
	if p.Exhaustive {
		if p.Page <= 0 || p.HitsPerPage <= 0 {
			return 0, 0
		}
		from = mulCap(p.Page-1, p.HitsPerPage)
		to = addCap(from, p.HitsPerPage)
	} else {
		from = max(p.Offset, 0)
		to = addCap(from, max(p.Limit, 0))
	}
	if maxTotalHits > 0 {
		from, to = min(from, maxTotalHits), min(to, maxTotalHits)
	}
	return from, to
}

const maxInt = int(^uint(0) >> 1)

func addCap(a, b int) int {
	if a > maxInt-b {
		return maxInt
	}
	return a + b
}

func mulCap(a, b int) int {
	if b != 0 && a > maxInt/b {
		return maxInt
	}
	return a * b
}

// append writes the members that describe the page, in the engine's order.
func (p Page) append(dst []byte, total int64) []byte {
	if !p.Exhaustive {
		dst = appendNumber(dst, `,"limit":`, int64(p.Limit))
		dst = appendNumber(dst, `,"offset":`, int64(p.Offset))
		return appendNumber(dst, `,"estimatedTotalHits":`, total)
	}
	pages := int64(0)
	if p.HitsPerPage > 0 {
		per := int64(p.HitsPerPage)
		pages = total / per
		if total%per != 0 {
			pages++
		}
	}
	dst = appendNumber(dst, `,"hitsPerPage":`, int64(p.HitsPerPage))
	dst = appendNumber(dst, `,"page":`, int64(p.Page))
	dst = appendNumber(dst, `,"totalPages":`, pages)
	return appendNumber(dst, `,"totalHits":`, total)
}

func appendNumber(dst []byte, member string, v int64) []byte {
	return strconv.AppendInt(append(dst, member...), v, 10)
}
