package routing

import (
	"fmt"
	"testing"
	"time"
)

func builderOf(t *testing.T, records map[string]string) *Builder {
	t.Helper()
	b := NewBuilder()
	for key, value := range records {
		if err := b.Put(key, []byte(value), 7); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func indexRecords(uids ...string) map[string]string {
	records := map[string]string{}
	for _, uid := range uids {
		records["indexes/"+uid] = fmt.Sprintf(`{"v":1,"uid":%q,"physical":"%s--1","shards":1}`, uid, uid)
		records["placement/"+uid+"--1"] = fmt.Sprintf(`{"v":1,"physical":"%s--1","shards":1,"groups":{}}`, uid)
	}
	return records
}

// F7, RT-6: a view says what an alias stands for, under the alias's name, and which targets are missing.
func TestViewResolvesAliases(t *testing.T) {
	records := indexRecords("a", "b")
	records["aliases/one"] = `{"v":1,"name":"one","kind":"single","current_uid":"a","version":1}`
	records["aliases/all"] = `{"v":1,"name":"all","kind":"multi","target_uids":["b","gone","a"],"version":1}`
	records["aliases/lost"] = `{"v":1,"name":"lost","kind":"single","current_uid":"gone","version":1}`
	b := builderOf(t, records)
	v := b.View()
	if ix, ok := v.Find("one"); !ok || ix.UID != "a" || ix.Name != "one" || ix.Physical != "a--1" {
		t.Errorf("one is %+v", ix)
	}
	if ix, ok := v.Find("a"); !ok || ix.Name != "a" {
		t.Errorf("a is %+v", ix)
	}
	for _, name := range []string{"all", "lost", "nobody"} {
		if ix, ok := v.Find(name); ok {
			t.Errorf("%s is one index: %+v", name, ix)
		}
	}
	all := v.Aliases["all"]
	if len(all.Indexes) != 2 || all.Indexes[0].UID != "b" || all.Indexes[1].UID != "a" || all.Indexes[1].Name != "all" {
		t.Errorf("all is %+v", all.Indexes)
	}
	if len(all.Missing) != 1 || all.Missing[0] != "gone" || all.Revision != 7 {
		t.Errorf("all lacks %v at revision %d", all.Missing, all.Revision)
	}
	b.Delete("aliases/one", 9)
	if v := b.View(); v.Aliases["one"] != nil || v.Epoch != 9 {
		t.Errorf("deleted, but %+v at epoch %d", v.Aliases["one"], v.Epoch)
	}
}

// An alias that can not be read keeps its last good record; an index that has its name wins.
func TestUnreadableAliasKeepsTheLastOne(t *testing.T) {
	records := indexRecords("a", "b")
	records["aliases/b"] = `{"v":1,"name":"b","kind":"single","current_uid":"a","version":1}`
	b := builderOf(t, records)
	if err := b.Put("aliases/b", []byte(`{"v":2}`), 8); err == nil {
		t.Error("a record of an unknown version was taken")
	}
	v := b.View()
	if ix, ok := v.Find("b"); !ok || ix.UID != "b" {
		t.Errorf("b is %+v", ix)
	}
	if a := v.Aliases["b"]; a == nil || a.Target != "a" || a.Revision != 7 {
		t.Errorf("the alias is %+v", a)
	}
}

// A7.4: of eleven changes the history keeps the last ten.
func TestA74HistoryIsBounded(t *testing.T) {
	r := AliasRecord{Name: "x", Kind: AliasSingle, AliasTargets: AliasTargets{Target: "t0"}, Version: 1}
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for i := 1; i <= 11; i++ {
		before := r
		r = r.Next(AliasTargets{Target: fmt.Sprint("t", i)}, at, "operator", AliasHistory)
		if before.Version != uint64(i) || before.Target != fmt.Sprint("t", i-1) || len(before.History) != min(i-1, 10) {
			t.Fatalf("change %d altered the record before it: %+v", i, before)
		}
	}
	if r.Version != 12 || len(r.History) != 10 || r.History[0].Target != "t1" || r.History[9].Target != "t10" || r.History[9].By != "operator" {
		t.Errorf("%+v", r)
	}
	multi := AliasRecord{Kind: AliasMulti, AliasTargets: AliasTargets{Targets: []string{"a", "b"}}, Version: 3}
	left, ok := multi.Without("a", at, "x", AliasHistory)
	if !ok || left.Version != 4 || len(left.Targets) != 1 || len(multi.Targets) != 2 {
		t.Errorf("%+v, %+v", left, multi)
	}
	if _, ok := left.Without("b", at, "x", AliasHistory); ok {
		t.Error("an alias of nothing was made")
	}
	if _, ok := r.Without("t11", at, "x", AliasHistory); ok {
		t.Error("a single alias lost its target")
	}
}
