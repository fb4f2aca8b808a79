package shardmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FormatRanges writes ascending shards compactly: runs of three or more as "a-b", the rest one by one, joined by commas.
func FormatRanges(shards []int) string {
	var b strings.Builder
	for i := 0; i < len(shards); {
		j := i
		for j+1 < len(shards) && shards[j+1] == shards[j]+1 {
			j++
		}
		if j-i < 2 {
			j = i
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(shards[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(shards[j]))
		}
		i = j + 1
	}
	return b.String()
}

// ParseRanges reads what FormatRanges writes. Shards must lie in [0, limit); the result is ascending and unique.
func ParseRanges(s string, limit int) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	out := make([]int, 0, strings.Count(s, ",")+1)
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(lo)
		if err != nil || a < 0 || a >= limit {
			return nil, fmt.Errorf("shard list: %q is not a shard below %d", part, limit)
		}
		b := a
		if isRange {
			if b, err = strconv.Atoi(hi); err != nil || b < a || b >= limit {
				return nil, fmt.Errorf("shard list: %q is not a range below %d", part, limit)
			}
		}
		for v := a; v <= b; v++ {
			out = append(out, v)
		}
	}
	if !slices.IsSorted(out) {
		slices.Sort(out)
	}
	return slices.Compact(out), nil
}
