package serve

import (
	"slices"
	"testing"
)

// Places are found again until the index is written to; of a long list the last ones are kept.
func TestPlaces(t *testing.T) {
	var p places
	for rank := 20; rank <= 20*(maxPlaces+5); rank += 20 {
		p.remember("list", 1, place{rank, []int{rank / 2, rank / 2}})
	}
	for _, c := range []struct {
		list    string
		version uint64
		rank    int
		want    place
	}{
		{"list", 1, 700, place{700, []int{350, 350}}},
		{"list", 1, 719, place{700, []int{350, 350}}},
		{"list", 1, 1 << 30, place{20 * (maxPlaces + 5), []int{10 * (maxPlaces + 5), 10 * (maxPlaces + 5)}}},
		{"list", 1, 30, place{0, []int{0, 0}}},
		{"other", 1, 700, place{0, []int{0, 0}}},
		{"list", 2, 700, place{0, []int{0, 0}}},
	} {
		if got := p.before(c.list, c.version, c.rank, 2); got.rank != c.want.rank || !slices.Equal(got.at, c.want.at) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	p.remember("list", 2, place{40, []int{1, 39}})
	p.remember("list", 2, place{40, []int{2, 38}})
	p.remember("list", 2, place{20, []int{0, 20}})
	if got := p.before("list", 2, 1000, 2); !slices.Equal(got.at, []int{2, 38}) {
		t.Errorf("%+v", got)
	}
	if got := p.before("list", 2, 39, 2); !slices.Equal(got.at, []int{0, 20}) {
		t.Errorf("%+v", got)
	}
	for i := range 2 * maxLists {
		p.remember(string(rune(i)), 1, place{1, []int{1}})
	}
	if len(p.lists) > maxLists {
		t.Errorf("%d lists are remembered", len(p.lists))
	}
}
