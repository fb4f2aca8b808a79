package antientropy

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

func place(n int) nodeapi.Place {
	if n == 0 {
		return nodeapi.Place{}
	}
	return nodeapi.Place{uint64(n), 0} //nolint:gosec // small
}

// doc is a copy on the next node that shows the document.
func doc(version int, sum string) Holding {
	return Holding{Stored: true, Version: place(version), Sum: sum}
}

func until(h Holding, expires uint64) Holding { h.Expires = expires; return h }

func gone(version int) Holding { return Holding{Deleted: place(version)} }

func flagged(h Holding) Holding { h.Behind = true; return h }

// on gives the copies their nodes: a, b, c …
func on(list ...Holding) []Holding {
	for i := range list {
		list[i].Node = string(rune('a' + i))
	}
	return list
}

// F8: R1 to R6, R9. Times of expiry are judged at 100.
func TestF8Rules(t *testing.T) {
	both := doc(5, "x")
	both.Deleted = place(9)
	for name, c := range map[string]struct {
		copies []Holding
		want   Verdict
	}{
		"the same":                          {on(doc(5, "x"), doc(5, "x")), Verdict{}},
		"nowhere":                           {on(gone(5), Holding{}), Verdict{}},
		"R1 older on one":                   {on(doc(7, "y"), doc(5, "x")), Verdict{Rule: Newer, Version: place(7), Source: "a", Write: []string{"b"}}},
		"R1 older on two":                   {on(doc(4, "w"), doc(7, "y"), doc(5, "x")), Verdict{Rule: Newer, Version: place(7), Source: "b", Write: []string{"a", "c"}}},
		"R1 written after a deletion":       {on(doc(7, "y"), gone(5)), Verdict{Rule: Lost, Version: place(7), Source: "a", Write: []string{"b"}}},
		"R2 swept on one":                   {on(until(doc(5, "x"), 99), Holding{}), Verdict{Rule: Expired, Version: place(5), Delete: []string{"a"}}},
		"R2 no older one comes back":        {on(until(doc(7, "y"), 100), doc(5, "x"), Holding{}), Verdict{Rule: Expired, Version: place(7), Delete: []string{"a", "b"}}},
		"R3 extended on one":                {on(until(doc(5, "x"), 99), until(doc(7, "y"), 200)), Verdict{Rule: Extended, Version: place(7), Source: "b", Write: []string{"a"}}},
		"R3 made permanent on one":          {on(until(doc(5, "x"), 99), doc(7, "y")), Verdict{Rule: Extended, Version: place(7), Source: "b", Write: []string{"a"}}},
		"not expired yet":                   {on(until(doc(5, "x"), 101), Holding{}), Verdict{Rule: Lost, Version: place(5), Source: "a", Write: []string{"b"}}},
		"R4 deleted on one":                 {on(doc(5, "x"), gone(9)), Verdict{Rule: Deleted, Version: place(9), Delete: []string{"a"}}},
		"R4 at that version":                {on(doc(5, "x"), gone(5)), Verdict{Rule: Deleted, Version: place(5), Delete: []string{"a"}}},
		"R4 deleted on one of three":        {on(doc(5, "x"), doc(4, "w"), gone(9)), Verdict{Rule: Deleted, Version: place(9), Delete: []string{"a", "b"}}},
		"R4 its own journal knows":          {on(both, Holding{}), Verdict{Rule: Deleted, Version: place(9), Delete: []string{"a"}}},
		"R5 two of three":                   {on(doc(5, "x"), doc(5, "bad"), doc(5, "x")), Verdict{Rule: Content, Version: place(5), Source: "a", Write: []string{"b"}}},
		"R5 one of one":                     {on(doc(5, "bad"), doc(5, "x")), Verdict{Rule: Tied, Version: place(5), Source: "b", Write: []string{"a"}}},
		"R5 two of four":                    {on(doc(5, "x"), doc(5, "bad"), doc(5, "x"), doc(5, "bad")), Verdict{Rule: Tied, Version: place(5), Source: "a", Write: []string{"b", "d"}}},
		"R5 two of four, others agree less": {on(doc(5, "bad"), doc(5, "y"), doc(5, "x"), doc(5, "bad")), Verdict{Rule: Tied, Version: place(5), Source: "a", Write: []string{"b", "c"}}},
		"R5 absent ones have no vote":       {on(doc(5, "x"), doc(5, "bad"), Holding{}), Verdict{Rule: Lost, Version: place(5), Source: "a", Write: []string{"b", "c"}}},
		"R5 expired":                        {on(until(doc(5, "x"), 99), doc(5, "bad")), Verdict{Rule: Expired, Version: place(5), Delete: []string{"a", "b"}}},
		"R5 without stamps":                 {on(doc(0, "x"), doc(0, "x"), doc(0, "bad")), Verdict{Rule: Content, Source: "a", Write: []string{"c"}}},
		"R1 over one without a stamp":       {on(doc(5, "x"), doc(0, "bad")), Verdict{Rule: Newer, Version: place(5), Source: "a", Write: []string{"b"}}},
		"R6 lost on one":                    {on(Holding{}, doc(5, "x")), Verdict{Rule: Lost, Version: place(5), Source: "b", Write: []string{"a"}}},
		"R6 lost, and older":                {on(Holding{}, doc(5, "x"), doc(3, "w")), Verdict{Rule: Lost, Version: place(5), Source: "b", Write: []string{"a", "c"}}},
		"R6 its journal knows it":           {on(Holding{Known: place(5)}, doc(5, "x")), Verdict{Rule: Lost, Version: place(5), Source: "b", Write: []string{"a"}}},
		"R6 only behind the horizon":        {on(Holding{}, flagged(doc(5, "x"))), Verdict{Rule: Revived, Version: place(5), Delete: []string{"b"}}},
		"R6 one is not behind":              {on(Holding{}, flagged(doc(5, "x")), doc(5, "x")), Verdict{Rule: Lost, Version: place(5), Source: "b", Write: []string{"a"}}},
		"R6 all are behind":                 {on(flagged(Holding{}), flagged(doc(5, "x"))), Verdict{Rule: Revived, Parked: Horizon, Version: place(5)}},
		"behind and older":                  {on(doc(7, "y"), flagged(doc(5, "x"))), Verdict{Rule: Newer, Version: place(7), Source: "a", Write: []string{"b"}}},
		"R9 written behind a sidecar":       {on(doc(0, "x"), Holding{}), Verdict{Rule: Foreign, Delete: []string{"a"}}},
		"R9 behind one of three":            {on(Holding{}, doc(0, "x"), Holding{}), Verdict{Rule: Foreign, Delete: []string{"b"}}},
		"R9 behind two of three":            {on(Holding{}, doc(0, "x"), doc(0, "x")), Verdict{Rule: Foreign, Parked: Unstamped}},
		"being written":                     {on(doc(7, "y"), Holding{Unsettled: true}), Verdict{Again: true}},
	} {
		if got := Judge(c.copies, 100); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Judge(on(until(doc(5, "x"), 99), Holding{}), 0); got.Rule != Lost {
		t.Errorf("where nothing expires a document does: %+v", got)
	}
}

// carry does what a verdict says, as sidecars do.
func carry(copies []Holding, v Verdict) {
	var winner Holding
	for _, c := range copies {
		if c.Node == v.Source {
			winner = c
		}
	}
	for i := range copies {
		c := &copies[i]
		for _, n := range v.Write {
			if c.Node == n {
				c.Stored, c.Version, c.Sum, c.Expires = true, winner.Version, winner.Sum, winner.Expires
			}
		}
		for _, n := range v.Delete {
			if c.Node == n {
				*c = Holding{Node: n, Deleted: v.Version, Behind: c.Behind}
			}
		}
	}
}

// F8, properties: one verdict is enough, whatever order the copies come in it is the same, no deletion is undone, no expired
// document comes back, and none is made of nothing.
func TestF8RulesConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "copies")
		var list []Holding
		for range n {
			h := Holding{Deleted: place(rapid.IntRange(0, 6).Draw(t, "deleted")), Behind: rapid.Bool().Draw(t, "behind")}
			if rapid.Bool().Draw(t, "stored") {
				h.Stored, h.Version = true, place(rapid.IntRange(0, 6).Draw(t, "version"))
				h.Sum = fmt.Sprint(h.Version[0], rapid.IntRange(0, 2).Draw(t, "flaw"))
				h.Expires = rapid.SampledFrom([]uint64{0, 50, 200}).Draw(t, "expires")
			}
			list = append(list, h)
		}
		on(list...)
		var newest, deleted nodeapi.Place
		had := false
		for _, c := range list {
			if had = had || c.Stored; c.Stored && c.Version.Compare(newest) > 0 {
				newest = c.Version
			}
			if c.Deleted.Compare(deleted) > 0 {
				deleted = c.Deleted
			}
		}
		v := Judge(list, 100)
		mixed := rapid.Permutation(list).Draw(t, "order")
		if w := Judge(mixed, 100); w.Rule != v.Rule || w.Parked != v.Parked || w.Version != v.Version || len(w.Write) != len(v.Write) && v.Rule != Content || len(w.Delete) != len(v.Delete) {
			t.Fatalf("%+v becomes %+v", v, w)
		}
		if v.Parked != "" {
			if len(v.Write)+len(v.Delete) > 0 {
				t.Fatalf("%+v", v)
			}
			return
		}
		for _, c := range list {
			if c.Node == v.Source && (c.Expires > 0 && c.Expires <= 100 || c.Version.Compare(newest) < 0 || c.Version.Compare(deleted) <= 0 && deleted != (nodeapi.Place{})) {
				t.Fatalf("%+v spreads %+v", v, c)
			}
		}
		was := alike(list)
		carry(list, v)
		if again := Judge(list, 100); again.Rule != Same {
			t.Fatalf("after %+v there is %+v", v, again)
		}
		for _, c := range list {
			if c.Stored && !was && (!had || c.Version.Compare(newest) < 0) {
				t.Fatalf("%+v is left", c)
			}
		}
	})
}
