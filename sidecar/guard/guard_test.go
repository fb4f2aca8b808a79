package guard

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/miroir-search/miroir/internal/hlc"
)

// document is one document: its fields, or nil when there is none.
type document map[string]int

// action is an operation with what it writes.
type action struct {
	Op
	fields document
	state  document // of a Copy; nil when the other replica had none
}

// do is what an engine does.
func do(d document, a action) document {
	switch {
	case a.Kind == Delete:
		return nil
	case a.Kind == Copy:
		return maps.Clone(a.state)
	case a.Kind.conditional() && d == nil:
		return nil
	case a.Kind == Replace || a.Kind == ReplaceExisting:
		return maps.Clone(a.fields)
	}
	d = maps.Clone(d)
	if d == nil {
		d = document{}
	}
	maps.Copy(d, a.fields)
	return d
}

func fold(d document, list []action) document {
	for _, a := range list {
		d = do(d, a)
	}
	return d
}

func equal(a, b document) bool { return (a == nil) == (b == nil) && maps.Equal(a, b) }

func history(list []action) []Op {
	ops := make([]Op, len(list))
	for i, a := range list {
		ops[i] = a.Op
	}
	return ops
}

var fieldNames = []string{"a", "b", "c"}

// draw makes distinct operations. Stamps are few, so that equal ones of different writes are among them.
func draw(t *rapid.T, kinds ...Kind) []action {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) action {
		a := action{Op: Op{
			Version: Version{Stamp: hlc.Stamp(rapid.IntRange(1, 4).Draw(t, "stamp")), Position: rapid.Uint32Range(0, 2).Draw(t, "position")}, //nolint:gosec // small
			Write:   rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "write"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		}}
		a.fields = document{}
		for _, name := range fieldNames {
			if rapid.Bool().Draw(t, "has "+name) {
				a.fields[name] = rapid.IntRange(0, 1000).Draw(t, name)
			}
		}
		return a
	}), 1, 7).Draw(t, "operations")
	slices.SortStableFunc(list, func(a, b action) int { return a.Compare(b.Op) })
	return slices.CompactFunc(list, func(a, b action) bool {
		return a.Version == b.Version && a.Write == b.Write // a write has one operation at a place
	})
}

func drawBase(t *rapid.T) document {
	if rapid.Bool().Draw(t, "exists") {
		return document{"a": -1, "old": -2}
	}
	return nil
}

// §6 "Order": whatever order operations reach an engine in, and however often, what Settle asks for brings the document
// to where the order of the stamps leads. It only gives up where the outcome depends on what was before.
func TestSettleEndsInStampOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ops := draw(t, Replace, Update, Delete, ReplaceExisting, UpdateExisting)
		base := drawBase(t)
		want := fold(base, ops)
		got := rapid.Permutation(ops).Draw(t, "arrival")
		got = append(got, rapid.SliceOfN(rapid.SampledFrom(ops), 0, 3).Draw(t, "again")...)
		for range 3 {
			again, ok := Settle(history(got), Wide{})
			if !ok {
				for _, a := range ops {
					if a.Kind.conditional() {
						return
					}
				}
				t.Fatalf("gave up on %v", got)
			}
			if len(again) == 0 {
				break
			}
			for _, at := range again {
				got = append(got, got[at])
			}
		}
		if again, _ := Settle(history(got), Wide{}); len(again) > 0 {
			t.Fatalf("not settled: %v", again)
		}
		if state := fold(base, got); !equal(state, want) {
			t.Fatalf("%v instead of %v", state, want)
		}
	})
}

// WQ-6: what was before an operation that named no document is not sent behind it, and does not matter to what came after.
func TestSettleBehindAWideOperation(t *testing.T) {
	at := func(stamp hlc.Stamp, k Kind) Op { return Op{Version: Version{Stamp: stamp}, Write: "w", Kind: k} }
	copied := func(stamp hlc.Stamp, k Kind, task uint32) Op { // the wide one is task 50
		return Op{Version: Version{Stamp: stamp}, Write: "c", Kind: k, Copied: true, Task: task}
	}
	for name, c := range map[string]struct {
		history []Op
		want    []int
	}{
		"reversed before it":        {[]Op{at(2, Update), at(1, Replace)}, nil},
		"reversed after it":         {[]Op{at(1, Replace), at(7, Update), at(6, Update), at(8, Update)}, []int{2, 1, 3}},
		"reversed on either side":   {[]Op{at(2, Update), at(1, Update), at(7, Update), at(6, Replace)}, []int{3, 2}},
		"in order, one after it":    {[]Op{at(1, Update), at(6, Update)}, nil},
		"a copy that lacks what is": {[]Op{at(1, Update), at(2, Update), at(6, Copy)}, nil},
		"an old copy behind both":   {[]Op{at(1, Update), at(7, Update), copied(2, Copy, 51)}, []int{2, 1}},
		"an old deletion behind":    {[]Op{at(7, Update), copied(2, Delete, 51)}, []int{1, 0}},
		"an old copy between":       {[]Op{copied(2, Copy, 51), at(7, Update)}, nil},
		"an old copy before it":     {[]Op{copied(2, Copy, 49), at(8, Update), at(7, Update)}, []int{2, 1}},
		"an old copy, sent again":   {[]Op{at(7, Update), copied(2, Copy, 51), copied(2, Copy, 52), at(7, Update)}, nil},
	} {
		if again, ok := Settle(c.history, Wide{5, 50}); !ok || !slices.Equal(again, c.want) {
			t.Errorf("%s: %v, %v", name, again, ok)
		}
	}
}

func TestAdmit(t *testing.T) {
	at := func(n int, k Kind) Op {
		return Op{Version: Version{Stamp: 100, Position: uint32(n)}, Write: "w", Kind: k}
	} //nolint:gosec // small
	copied := at(9, Copy)
	copied.Floor, copied.Includes = at(3, 0).Version, []Version{at(5, 0).Version}
	for name, c := range map[string]struct {
		op      Op
		history []Op
		want    Verdict
	}{
		"first":                           {at(5, Update), nil, Take},
		"newest":                          {at(5, Replace), []Op{at(4, Delete), at(3, Update)}, Take},
		"late under a replacement":        {at(5, Update), []Op{at(6, Replace)}, Void},
		"late under a deletion":           {at(5, Replace), []Op{at(6, Delete)}, Void},
		"late under an update":            {at(5, Replace), []Op{at(6, Update)}, Late},
		"late deletion under an update":   {at(5, Delete), []Op{at(6, Update)}, Late},
		"late under a conditional":        {at(5, Update), []Op{at(6, UpdateExisting)}, Refuse},
		"late conditional":                {at(5, ReplaceExisting), []Op{at(6, Update)}, Refuse},
		"late conditional, replaced":      {at(5, ReplaceExisting), []Op{at(6, Update), at(7, Replace)}, Void},
		"below the floor of a copy":       {at(2, Update), []Op{copied}, Drop},
		"in a copy":                       {at(5, Update), []Op{copied}, Drop},
		"the copy itself":                 {at(9, Update), []Op{copied}, Drop},
		"missing in a copy":               {at(6, Update), []Op{copied}, Refuse},
		"missing in a copy, but replaced": {at(6, Update), []Op{copied, at(12, Replace)}, Void},
		"after a copy":                    {at(10, Update), []Op{copied}, Take},
	} {
		if got := Admit(c.op, c.history); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		history []Op
		want    bool
	}{
		"nothing here":        {nil, true},
		"included":            {[]Op{at(1, Delete), at(5, Update), at(9, Update)}, true},
		"newer here":          {[]Op{at(12, Update)}, true},
		"older and not in it": {[]Op{at(6, Update)}, false},
		"a newer copy here":   {[]Op{at(12, Copy)}, false},
		"an older copy here":  {[]Op{at(8, Copy)}, true},
	} {
		if got := AdmitCopy(copied, c.history); got != c.want {
			t.Errorf("copy, %s: %v", name, got)
		}
	}
}
