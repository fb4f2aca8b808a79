package candidate

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

func numbers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return strings.Join(list, ",")
}

// F4, A4.3, A4.4: what filters name, and why they do not.
func TestF4Candidates(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   []string
		why    Reason
	}{
		{`id = sku_1`, []string{"sku_1"}, Named},
		{`"id"='sku 1'`, nil, Named}, // no id has a space
		{`id = ABC`, []string{"abc"}, Named},
		{`id = 01`, []string{"01", "1"}, Named},
		{`id = 1.0`, []string{"1"}, Named},
		{`id = -0`, []string{"-0", "0"}, Named},
		{`id = 1e3`, []string{"1000", "1e3"}, Named},
		{`id = nan`, []string{"nan"}, Named},
		{`id = 1e400`, []string{"1e400"}, Named},
		{`id = 1.5`, nil, Named},
		{`id = 9007199254740991`, []string{"9007199254740991"}, Named},
		{`id = 9007199254740992`, nil, Inexact},
		{`id = "é"`, nil, Inexact},
		{`id = "a\u0000"`, nil, NotParsed},
		{`id = ` + strings.Repeat("a", 401), nil, Inexact},
		{`id IN [3, "b", 1,]`, []string{"1", "3", "b"}, Named},
		{`id IN []`, nil, Named},
		{`id = 1 AND id = 2`, nil, Named},
		{`id = 1 OR id = 2 AND brand = x`, []string{"1", "2"}, Named},
		{`(id = 1 OR id = 2) AND NOT id = 2`, []string{"1", "2"}, Named},
		{`brand = x AND (price 1 TO 5) AND _geoRadius(1.5, -2, 1e3) AND id=7`, []string{"7"}, Named},
		{`a EXISTS AND b NOT EXISTS AND c IS NULL AND d IS NOT EMPTY AND e CONTAINS x AND f STARTS WITH y AND g NOT IN [1] AND id=7`, []string{"7"}, Named},
		{`id = 1 OR brand = x`, nil, OtherField},
		{`brand = x`, nil, OtherField},
		{`ID = 1`, nil, OtherField},
		{`NOT id = 1`, nil, Negated},
		{`id NOT IN [1]`, nil, Negated},
		{`id != 1`, nil, Compared},
		{`id > 1`, nil, Compared},
		{`id EXISTS`, nil, Compared},
		{`id STARTS WITH a`, nil, Compared},
		{`id IN [` + numbers(128) + `]`, nil, Named},
		{`id IN [` + numbers(129) + `]`, nil, TooMany},
		{`id IN [` + numbers(129) + `] AND id = 4`, []string{"4"}, Named},
		{`  `, nil, NoFilter},
		{`id = 1 AND`, nil, NotParsed},
		{`id = AND`, nil, NotParsed},
		{`id == 1`, nil, NotParsed},
		{`id = 1 x`, nil, NotParsed},
		{`id = 1 ANDid = 2`, nil, NotParsed},
		{`id = "1`, nil, NotParsed},
		{"id\u00a0= 1", nil, NotParsed},
		{`_vectors.e EXISTS AND id = 1`, nil, NotParsed},
		{`_foreign(a, b = 1) AND id = 1`, nil, NotParsed},
		{strings.Repeat("(", 201) + `id = 1` + strings.Repeat(")", 201), nil, NotParsed},
		{strings.Repeat("NOT ", 201) + `id = 1`, nil, NotParsed},
		{strings.Repeat(" ", maxFilter) + `id = 1`, nil, NotParsed},
	} {
		got := Of(quote(c.filter), Key{Name: "id", Most: 128})
		if got.Why != c.why || got.All == (c.why == Named) || c.want != nil && !slices.Equal(got.IDs, c.want) {
			t.Errorf("%.60s: %+v, want %v %s", c.filter, got, c.want, c.why)
		}
	}
}

// F4: arrays are conjunctions of strings and of disjunctions; empty parts are none.
func TestF4Arrays(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   []string
		why    Reason
	}{
		{`["id = 1","brand = x"]`, []string{"1"}, Named},
		{`[["id = 1","id = 2"],"id IN [2,3]"]`, []string{"2"}, Named},
		{`[["id = 1","brand = x"]]`, nil, OtherField},
		{`[["id = 1",""],""]`, []string{"1"}, Named},
		{`[[],"id = 1"]`, []string{"1"}, Named},
		{`[]`, nil, NoFilter},
		{`[["id = 1"],"id ="]`, nil, NotParsed},
		{`["brand = x","NOT id = 1"]`, nil, Negated},
		{`null`, nil, NoFilter},
	} {
		got := Of(json.RawMessage(c.filter), Key{Name: "id", Most: 128})
		if got.Why != c.why || got.All == (c.why == Named) || !slices.Equal(got.IDs, c.want) {
			t.Errorf("%s: %+v, want %v %s", c.filter, got, c.want, c.why)
		}
	}
	if got := Of(quote("id = 1"), Key{Most: 128}); !got.All || got.Why != NoPrimaryKey {
		t.Errorf("without a primary key: %+v", got)
	}
}

// F4: where ids differ in case, only values without letters name them.
func TestF4MixedCase(t *testing.T) {
	k := Key{Name: "id", Mixed: true, Most: 128}
	if got := Of(quote(`id = abc`), k); got.Why != Letters {
		t.Errorf("%+v", got)
	}
	if got := Of(quote(`id = 12-3`), k); !slices.Equal(got.IDs, []string{"12-3"}) {
		t.Errorf("%+v", got)
	}
}

// equals is the equality of an engine, written apart from what is tested: by folded text, or by number.
func equals(id, value string) bool {
	if strings.EqualFold(id, value) {
		return true
	}
	a, okA := new(big.Float).SetString(value)
	b, okB := new(big.Int).SetString(id, 10)
	if !okA || !okB || b.String() != id {
		return false
	}
	x, _ := a.Float64()
	y, _ := new(big.Float).SetInt(b).Float64()
	return x == y
}

// tree is a filter as text and as what it does.
type tree struct {
	text  string
	match func(id, brand string) bool
}

func genTree(values []string, depth int) *rapid.Generator[tree] {
	return rapid.Custom(func(t *rapid.T) tree {
		kind := rapid.IntRange(0, 9).Draw(t, "kind")
		if depth == 0 {
			kind %= 5
		}
		value := rapid.SampledFrom(values)
		switch kind {
		case 0, 1:
			v := value.Draw(t, "value")
			text := rapid.SampledFrom([]string{"id = %s", "id=%s", `"id" = "%s"`, "'id'='%s'", "( id\t=\n%s )"}).Draw(t, "form")
			return tree{fmt.Sprintf(text, v), func(id, _ string) bool { return equals(id, v) }}
		case 2:
			list := rapid.SliceOfN(value, 0, 5).Draw(t, "list")
			return tree{"id IN[" + strings.Join(list, " , ") + "]", func(id, _ string) bool {
				return slices.ContainsFunc(list, func(v string) bool { return equals(id, v) })
			}}
		case 3:
			return tree{"brand = x", func(_, brand string) bool { return brand == "x" }}
		case 4:
			v := value.Draw(t, "value")
			return tree{"id != " + v, func(id, _ string) bool { return !equals(id, v) }}
		case 5:
			a := genTree(values, depth-1).Draw(t, "not")
			return tree{"NOT (" + a.text + ")", func(id, brand string) bool { return !a.match(id, brand) }}
		case 6, 7:
			a, b := genTree(values, depth-1).Draw(t, "left"), genTree(values, depth-1).Draw(t, "right")
			return tree{"(" + a.text + " OR " + b.text + ")", func(id, brand string) bool { return a.match(id, brand) || b.match(id, brand) }}
		default:
			a, b := genTree(values, depth-1).Draw(t, "left"), genTree(values, depth-1).Draw(t, "right")
			return tree{"(" + a.text + ")AND " + b.text, func(id, brand string) bool { return a.match(id, brand) && b.match(id, brand) }}
		}
	})
}

// A4.2: whatever a filter matches is among its candidates, over ids with mixed case, digits, leading zeros and exponents.
func TestA42NoDocumentIsLost(t *testing.T) {
	lower := []string{"a", "abc", "x-1", "1", "01", "001", "0", "00", "-0", "-7", "-07", "10", "1e1", "1000", "1e3", "nan", "inf",
		"9007199254740991", "9007199254740992", "9007199254740993", "18446744073709551615", "-9223372036854775808"}
	upper := []string{"A", "ABC", "aBc", "X-1", "1E3", "NaN"}
	values := append(slices.Concat(lower, upper), "1.0", "1.", ".1e1", "0.5", "-0.0", "1e400", "9.007199254740992e15", "0x10")
	narrowed := 0
	rapid.Check(t, func(t *rapid.T) {
		k := Key{Name: "id", Mixed: rapid.Bool().Draw(t, "mixed"), Most: 128}
		ids := lower
		if k.Mixed {
			ids = slices.Concat(lower, upper)
		}
		f := genTree(values, 3).Draw(t, "filter")
		got := Of(quote(f.text), k)
		if got.Why == NotParsed {
			t.Fatalf("%s is not understood", f.text)
		}
		if got.All {
			return
		}
		narrowed++
		for _, id := range ids {
			for _, brand := range []string{"x", "y"} {
				if f.match(id, brand) && !slices.Contains(got.IDs, id) {
					t.Fatalf("%s (mixed %v) matches %s, which is not among %v", f.text, k.Mixed, id, got.IDs)
				}
			}
		}
	})
	if narrowed == 0 {
		t.Error("no filter named its candidates")
	}
}

// F4 bounds: reading a filter ends, and what is named are ids that can be.
func FuzzOf(f *testing.F) {
	for _, s := range []string{`id = 1`, `id IN [1,"a",]`, `NOT (id=1 OR b EXISTS) AND _geoRadius(1,2,3)`, `id 1 TO 2`, `'id'="x`, `id IS NOT NULL`, `((`} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, mixed bool) {
		got := Of(quote(text), Key{Name: "id", Mixed: mixed, Most: 16})
		if got.All != (got.Why != Named) || len(got.IDs) > 16 || !slices.IsSorted(got.IDs) {
			t.Fatalf("%q: %+v", text, got)
		}
		if in := Of(json.RawMessage(`[`+string(quote(text))+`]`), Key{Name: "id", Mixed: mixed, Most: 16}); !slices.Equal(in.IDs, got.IDs) || in.All != got.All {
			t.Fatalf("%q: %+v, in an array %+v", text, got, in)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	long := quote(`brand = x AND (id IN [` + numbers(128) + `] OR id = "` + strings.Repeat("a", 300) + `") AND ` + strings.Repeat("tag = y AND ", 270) + `a EXISTS`)
	for name, filter := range map[string]json.RawMessage{"one": quote(`id = "sku_1"`), "4KiB": long} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(filter)))
			for b.Loop() {
				Of(filter, Key{Name: "id", Most: 128})
			}
		})
	}
}
