package plan

import (
	"reflect"
	"testing"
)

// RD-2: every shard is read once, and the same seed gives the same legs.
func TestRD2CoverIndex(t *testing.T) {
	v, ix := cluster(2, 2)
	for seed := range uint64(8) {
		p := CoverIndex(v, ix, seed, nil)
		if len(p.Legs) != 1 || len(p.Missing) != 0 || p.Epoch != v.Epoch {
			t.Fatalf("seed %d: %+v", seed, p)
		}
		if !reflect.DeepEqual(p, CoverIndex(v, ix, seed, nil)) {
			t.Fatalf("seed %d gave two plans", seed)
		}
	}
}

// RD-6: a group that cannot cover leaves the read to another, and only when none can are shards missing.
func TestRD6Fallback(t *testing.T) {
	v, ix := cluster(2, 1, "g0n0")
	for seed := range uint64(4) {
		p := CoverIndex(v, ix, seed, nil)
		if len(p.Legs) != 1 || p.Legs[0].Node != "g1n0" || p.Legs[0].Address != "http://g1n0" {
			t.Fatalf("seed %d: %+v", seed, p)
		}
	}
	v, ix = cluster(2, 1, "g0n0", "g1n0")
	if p := CoverIndex(v, ix, 1, nil); len(p.Legs) != 0 || len(p.Missing) != 1 {
		t.Fatalf("nobody is up: %+v", p)
	}
}

// RD-7: a failed leg is covered by other owners, never by the node that failed.
func TestRD7Replan(t *testing.T) {
	v, ix := cluster(1, 2)
	failed := CoverIndex(v, ix, 0, nil).Legs[0]
	others, err := Replan(v, ix, failed, nil)
	if err != nil || len(others) != 1 || others[0].Node == failed.Node {
		t.Fatalf("%+v, %v", others, err)
	}
	if _, err := Replan(v, ix, failed, func(n string) bool { return n == others[0].Node }); err == nil {
		t.Fatal("nobody is left, yet it was covered")
	}
}

func TestOwnerAndAnyNode(t *testing.T) {
	v, ix := cluster(1, 3, "g0n1")
	if got := Owner(v, ix, 0, 5, nil); len(got) != 2 {
		t.Fatalf("owners %+v", got)
	}
	if got := AnyNode(v, 1); len(got) != 2 || got[0].Node != "g0n2" {
		t.Fatalf("nodes %+v", got)
	}
}
