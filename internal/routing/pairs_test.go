package routing

import (
	"fmt"
	"testing"
)

// What a gateway names, an Envoy that is two nodes ahead of it or behind it has.
func TestPairsOutliveTheirUse(t *testing.T) {
	at := func(n int) *View {
		v := &View{Nodes: map[string]Node{"gone": {NodeRecord: NodeRecord{State: NodeRemoved}}}}
		for i := range n {
			v.Nodes[fmt.Sprint("n", i)] = Node{NodeRecord: NodeRecord{State: NodeActive}}
		}
		return v
	}
	for n := range 40 {
		if !at(n).Pairs() {
			continue
		}
		for apart := max(0, n-pairMargin); apart <= n+pairMargin; apart++ {
			if !at(apart).PairsKept() {
				t.Errorf("a gateway that sees %d nodes names pairs that an Envoy that sees %d does not have", n, apart)
			}
		}
	}
	if !at(maxPaired).Pairs() || at(maxPaired+1).Pairs() || at(maxPaired+pairMargin+1).PairsKept() {
		t.Error("the number of pairs has no bound, or not the one that is documented")
	}
}
