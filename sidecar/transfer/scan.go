package transfer

import (
	"context"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/digest"
	"github.com/miroir-search/miroir/sidecar/guard"
)

const (
	// scansAtOnce is how many shards a node reads at once, for others and for itself.
	scansAtOnce = 2
	// lightFactor is how many versions are read in the time of one document.
	lightFactor = 20
)

// Slots makes room for the scans of one node.
func Slots() chan struct{} { return make(chan struct{}, scansAtOnce) }

// slot waits until one more shard may be read.
func (n Node) slot(ctx context.Context) (release func(), err error) {
	select {
	case n.Scans <- struct{}{}:
		return func() { <-n.Scans }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// look is what is wanted of a shard.
type look struct {
	light   bool
	buckets []bool // by bucket; nil for all
	rate    int    // documents a second
	settled bool   // the queue of the engine was waited for already
}

func lookOf(q nodeapi.InventoryQuery) (look, error) {
	l := look{light: q.Light, rate: q.Rate, settled: q.Settled}
	if len(q.Buckets) > 0 {
		l.buckets = make([]bool, digest.Buckets)
	}
	for _, b := range q.Buckets {
		if b < 0 || b >= digest.Buckets {
			return l, ErrQuery
		}
		l.buckets[b] = true
	}
	return l, nil
}

func (l look) wants(id []byte) bool { return l.buckets == nil || l.buckets[digest.BucketOf(id)] }

// scan visits a leaf of every document of a shard, ids in one view of the engine first, then, in a deep look, documents by
// id: so what changes meanwhile neither hides nor doubles a document. visit may keep nothing of the id. Everything that the
// engine had in its queue is done before, unless that was waited for already.
func (n Node) scan(ctx context.Context, p place, shard int, l look, visit func(nodeapi.Leaf) error) error {
	if !l.settled {
		if err := n.drained(ctx, p.index.Physical); err != nil {
			return err
		}
	}
	release, err := n.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	var ids packed
	seen := 0
	if err := p.shelf.glance(ctx, shard, func(id []byte, v guard.Version, expires uint64) error {
		if !l.wants(id) {
			return nil
		}
		if seen++; l.light {
			return visit(lightLeaf(id, v, expires))
		}
		ids.add(id)
		return nil
	}); err != nil {
		return err
	}
	if l.light {
		return newPace(l.rate*lightFactor).wait(ctx, seen)
	}
	steady := newPace(l.rate)
	return ids.chunks(fetchAtOnce, func(some []string) error {
		found, err := p.shelf.byID(ctx, some)
		if err != nil {
			return err
		}
		for id, d := range found {
			leaf, err := deepLeaf([]byte(id), d)
			if err != nil {
				return err
			}
			if err := visit(leaf); err != nil {
				return err
			}
		}
		return steady.wait(ctx, len(some))
	})
}

func lightLeaf(id []byte, v guard.Version, expires uint64) nodeapi.Leaf {
	l := nodeapi.Leaf{Kind: nodeapi.LeafStored, ID: id, Version: placeAt(v), Expires: expires}
	l.Sum = digest.Format(digest.Light(id, l.Version))
	return l
}

func deepLeaf(id []byte, d stored) (nodeapi.Leaf, error) {
	l := nodeapi.Leaf{Kind: nodeapi.LeafStored, ID: id, Version: placeAt(d.version), Expires: d.expires}
	content, err := digest.Content(d.body)
	l.Sum = digest.Format(digest.Deep(id, l.Version, content))
	return l, err
}

// leafOf is the leaf of a document as a look wants it.
func (l look) leafOf(id []byte, d stored) (nodeapi.Leaf, error) {
	if l.light {
		return lightLeaf(id, d.version, d.expires), nil
	}
	return deepLeaf(id, d)
}

// packed is a list of ids that takes little more room than their bytes.
type packed struct {
	bytes []byte
	ends  []int
}

func (p *packed) add(id []byte) {
	p.bytes = append(p.bytes, id...)
	p.ends = append(p.ends, len(p.bytes))
}

// chunks visits the ids in lists of at most n.
func (p *packed) chunks(n int, visit func([]string) error) error {
	some := make([]string, 0, min(n, len(p.ends)))
	begin := 0
	for i, end := range p.ends {
		some = append(some, string(p.bytes[begin:end]))
		if begin = end; len(some) == n || i == len(p.ends)-1 {
			if err := visit(some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return nil
}
