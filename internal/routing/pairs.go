package routing

// Envoy has a cluster for every ordered pair of nodes, which fails over from the first to the second. Their number grows
// with the square of the nodes', so beyond maxPaired nodes gateways name single nodes. Envoys keep the pairs of pairMargin
// nodes more: a gateway whose view is a little before or behind its Envoy's never names a pair that is not there.
const (
	maxPaired  = 24
	pairMargin = 2
)

// Pairs says whether a gateway may name pairs of nodes to Envoy.
func (v *View) Pairs() bool { return v.present() <= maxPaired }

// PairsKept says whether Envoys have the pairs. It holds for some views more than Pairs does, before and after.
func (v *View) PairsKept() bool { return v.present() <= maxPaired+pairMargin }

// present counts all nodes but removed ones.
func (v *View) present() int {
	n := 0
	for _, node := range v.Nodes {
		if node.State != NodeRemoved {
			n++
		}
	}
	return n
}
