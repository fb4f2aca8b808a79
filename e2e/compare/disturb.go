package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/e2e/provider"
)

// disturber stops and starts nodes while queries are asked: one at a time, so that every shard has a copy that is up. It stops
// a node while a query is under way, and the next node only when that one is up again and all copies are whole.
type disturber struct {
	cluster provider.Inspected
	in      *inside.Inside
	pace    int // queries asked at least in every state

	state  state
	node   int // that is stopped now, or was last
	since  int // queries in this state
	cycles int // nodes that were stopped and came back
	asked  map[state]int
}

// state is how the cluster is.
type state string

const (
	whole     state = "all nodes up"
	stopped   state = "a node stopped"
	returning state = "a node returning"
)

func newDisturber(ctx context.Context, cluster provider.Inspected, pace int) (*disturber, error) {
	in, err := inside.Look(ctx, cluster)
	return &disturber{cluster: cluster, in: in, pace: pace, state: whole, node: -1, asked: map[state]int{}}, err
}

// processes are what is killed of a node: in turn its engine, its sidecar, and both.
func (d *disturber) processes() []string {
	n := strings.TrimPrefix(d.id(), "node-")
	return [][]string{{"engine-" + n}, {"sidecar-" + n}, {"engine-" + n, "sidecar-" + n}}[d.cycles%3]
}

func (d *disturber) id() string { return d.cluster.Nodes()[d.node].ID }

// during runs a query and lets something happen to the cluster meanwhile.
func (d *disturber) during(query func() error) error {
	d.asked[d.state]++
	d.since++
	next, act := d.next()
	done := make(chan error, 1)
	go func() { done <- act() }()
	err := errors.Join(query(), <-done)
	if next != d.state {
		d.state, d.since = next, 0
	}
	return err
}

// next is the state after the query, and how to get there.
func (d *disturber) next() (state, func() error) {
	stay := func() error { return nil }
	if d.since < d.pace {
		return d.state, stay
	}
	switch d.state {
	case whole:
		d.node = (d.node + 1) % len(d.cluster.Nodes())
		return stopped, func() error {
			for _, p := range d.processes() {
				if err := d.cluster.Kill(p); err != nil {
					return fmt.Errorf("stop %s: %w", p, err)
				}
			}
			return nil
		}
	case stopped:
		if n, ok := d.in.View().Nodes[d.id()]; !ok || n.OK {
			return stopped, stay // nobody has seen it yet
		}
		return returning, d.cluster.Revive
	default:
		if d.in.Clean() != nil {
			return returning, stay
		}
		d.cycles++
		return whole, stay
	}
}

// String says how many queries were asked in which state.
func (d *disturber) String() string {
	parts := []string{fmt.Sprintf("%d nodes stopped and started", d.cycles)}
	for _, s := range slices.Sorted(slices.Values([]state{whole, stopped, returning})) {
		parts = append(parts, fmt.Sprintf("%d queries with %s", d.asked[s], s))
	}
	return strings.Join(parts, ", ")
}
