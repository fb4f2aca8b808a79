package antientropy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// replica is a node with one shard, as its sidecar shows it. Contents are one text.
type replica struct {
	docs    map[string]nodeapi.Leaf
	content map[string]string
	deleted map[string]nodeapi.Place
	known   map[string]nodeapi.Place
	low     hlc.Stamp
	down    bool
	dirty   bool
	strays  []nodeapi.Stray
	log     []nodeapi.Mended
}

// world is some nodes. It answers like their sidecars.
type world struct {
	mu    sync.Mutex
	nodes map[string]*replica
	asked func(path string, w *world) // called with the lock held, before a question is answered
	mends int
}

func newWorld(names string) *world {
	w := &world{nodes: map[string]*replica{}}
	for _, n := range names {
		w.nodes[string(n)] = &replica{
			docs: map[string]nodeapi.Leaf{}, content: map[string]string{}, deleted: map[string]nodeapi.Place{}, known: map[string]nodeapi.Place{},
		}
	}
	return w
}

// put writes a document to the nodes.
func (w *world) put(nodes, id string, version int, content string) {
	for _, n := range nodes {
		r := w.nodes[string(n)]
		r.docs[id] = nodeapi.Leaf{Kind: nodeapi.LeafStored, ID: []byte(id), Version: place(version)}
		r.content[id] = content
	}
}

func (w *world) drop(nodes, id string, version int) {
	for _, n := range nodes {
		r := w.nodes[string(n)]
		delete(r.docs, id)
		delete(r.content, id)
		if version > 0 {
			r.deleted[id] = place(version)
		}
	}
}

func hash(parts ...any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, parts...)
	return h.Sum64()
}

func (r *replica) leaf(id string, light bool) nodeapi.Leaf {
	l := r.docs[id]
	l.Sum = fmt.Sprintf("%032x", hash(id, l.Version))
	if !light {
		l.Sum = fmt.Sprintf("%032x", hash(id, l.Version, r.content[id]))
	}
	return l
}

func bucketOf(id string) int { return int(hash(id) % nodeapi.DigestBuckets) } //nolint:gosec // small

func (r *replica) digest(q nodeapi.InventoryQuery) nodeapi.ShardDigest {
	d := nodeapi.ShardDigest{Scheme: 1, Buckets: make([]string, nodeapi.DigestBuckets), Counts: make([]uint64, nodeapi.DigestBuckets), Low: r.low}
	sums := make([]uint64, nodeapi.DigestBuckets)
	for id, l := range r.docs {
		if l.Expires > 0 && l.Expires <= q.Expired {
			d.Expired++
			continue
		}
		if l.Version.Compare(d.Newest) > 0 {
			d.Newest = l.Version
		}
		sums[bucketOf(id)] += hash(r.leaf(id, q.Light).Sum)
		d.Counts[bucketOf(id)]++
		d.Count++
	}
	for b, sum := range sums {
		d.Buckets[b] = fmt.Sprint(sum)
	}
	return d
}

func (r *replica) lines(id string, light bool) (out []byte) {
	l, stored := r.docs[id]
	if stored {
		out = nodeapi.AppendLeaf(out, r.leaf(id, light))
	}
	if at, ok := r.deleted[id]; ok {
		out = nodeapi.AppendLeaf(out, nodeapi.Leaf{Kind: nodeapi.LeafDeleted, ID: []byte(id), Version: at})
	} else if at, ok := r.known[id]; ok && (!stored || l.Version.Compare(at) < 0) {
		out = nodeapi.AppendLeaf(out, nodeapi.Leaf{Kind: nodeapi.LeafKnown, ID: []byte(id), Version: at})
	}
	return out
}

// Do implements Nodes.
func (w *world) Do(ctx context.Context, q client.Request) (client.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked != nil {
		w.asked(q.Path, w)
	}
	r := w.nodes[strings.TrimPrefix(q.Address, "http://")]
	switch {
	case ctx.Err() != nil:
		return client.Answer{}, context.Cause(ctx)
	case r.down:
		return client.Answer{}, errors.New("connection refused")
	case r.dirty:
		return client.Answer{Status: http.StatusConflict, Body: []byte(`{"code":"` + nodeapi.CodeDirtySource + `"}`)}, nil
	}
	var out []byte
	switch q.Path {
	case nodeapi.PathDigest:
		out, _ = json.Marshal(r.digest(decode[nodeapi.InventoryQuery](q.Body)))
	case nodeapi.PathInventory:
		question := decode[nodeapi.InventoryQuery](q.Body)
		all := map[string]bool{}
		for id := range r.docs {
			all[id] = true
		}
		for _, m := range []map[string]nodeapi.Place{r.deleted, r.known} {
			for id := range m {
				all[id] = true
			}
		}
		for id := range all {
			for _, b := range question.Buckets {
				if b == bucketOf(id) {
					out = append(out, r.lines(id, question.Light)...)
				}
			}
		}
		out = append(out, nodeapi.ListEnd+"\n"...)
	case nodeapi.PathLeaves:
		question := decode[nodeapi.LeavesQuery](q.Body)
		for _, d := range question.Documents {
			lines := r.lines(d.ID, question.Light)
			if len(lines) == 0 {
				lines = nodeapi.AppendLeaf(nil, nodeapi.Leaf{Kind: nodeapi.LeafAbsent, ID: []byte(d.ID)})
			}
			out = append(out, lines...)
		}
		out = append(out, nodeapi.ListEnd+"\n"...)
	case nodeapi.PathStrays:
		question := decode[nodeapi.StraysQuery](q.Body)
		out, _ = json.Marshal(nodeapi.Strays{Count: len(r.strays), Documents: r.strays[:min(len(r.strays), question.Limit)]})
	case nodeapi.PathMend:
		w.mends++
		question := decode[nodeapi.Mend](q.Body)
		for _, d := range question.Write {
			r.log = append(r.log, nodeapi.Mended{At: time.Unix(int64(w.mends), 0).UTC(), Index: question.Index, ID: d.ID, Rule: question.Rule, Source: question.Source})
			if question.Keep {
				r.log[len(r.log)-1].Lost = &nodeapi.Lost{Document: json.RawMessage(`{}`)}
			}
		}
		w.mend(r, question)
		for _, d := range question.Strays {
			r.log = append(r.log, nodeapi.Mended{Index: question.Index, ID: d.ID, Rule: question.Rule})
			r.strays = slices.DeleteFunc(r.strays, func(s nodeapi.Stray) bool { return s == d })
		}
		out = fmt.Appendf(nil, `{"done":true,"deleted":%d}`, len(question.Delete)+len(question.Strays))
	case nodeapi.PathMended:
		out, _ = json.Marshal(nodeapi.MendedList{Results: r.log})
	}
	return client.Answer{Status: http.StatusOK, Body: out}, nil
}

// mend does what a sidecar does.
func (w *world) mend(r *replica, q nodeapi.Mend) {
	for _, d := range q.Write {
		from := w.nodes[strings.TrimPrefix(q.Address, "http://")]
		l, ok := from.docs[d.ID]
		if here, stored := r.docs[d.ID]; !ok || stored && here.Version.Compare(l.Version) > 0 || r.deleted[d.ID].Compare(l.Version) >= 0 && r.deleted[d.ID] != (nodeapi.Place{}) {
			continue
		}
		r.docs[d.ID], r.content[d.ID] = l, from.content[d.ID]
	}
	for _, d := range q.Delete {
		if here, stored := r.docs[d.ID]; stored && here.Version.Compare(d.Version) <= 0 {
			delete(r.docs, d.ID)
			delete(r.content, d.ID)
			r.deleted[d.ID] = d.Version
		}
	}
}

func decode[Q any](body []byte) (q Q) {
	if err := json.Unmarshal(body, &q); err != nil {
		panic(err)
	}
	return q
}

// view is a routing view in which an index has one shard, with a copy on every node.
func (w *world) view(t *testing.T, states map[string]string) *routing.View {
	t.Helper()
	b := routing.NewBuilder()
	put := func(key, value string) {
		if err := b.Put(key, []byte(value), 1); err != nil {
			t.Fatal(err)
		}
	}
	var copies []string
	for n := range w.nodes {
		put("nodes/"+n, fmt.Sprintf(`{"v":1,"id":%q,"address":"http://%s","replica_group":0,"state":"active"}`, n, n))
		put("health/"+n, fmt.Sprintf(`{"v":1,"ok":%v}`, states[n] != "down"))
		state := "active"
		if states[n] == "building" {
			state = "building"
		}
		if states[n] == "dirty" {
			put("dirty/x--0/0/"+n, `{"v":1,"reason":"test"}`)
		}
		copies = append(copies, fmt.Sprintf(`{"node":%q,"state":%q}`, n, state))
	}
	put("groups/0", `{"v":1,"id":0,"state":"active","rf":2}`)
	put("indexes/x", `{"v":1,"uid":"x","physical":"x--0","shards":1}`)
	put("placement/x--0", `{"v":1,"physical":"x--0","shards":1,"groups":{"0":[[`+strings.Join(copies, ",")+`]]}}`)
	return b.View()
}

// compare compares the shard.
func (w *world) compare(t *testing.T, states map[string]string, l Look) Outcome {
	t.Helper()
	if l.Settle == 0 {
		l.Settle = time.Millisecond
	}
	v := w.view(t, states)
	out, err := compare(t.Context(), w, time.Now, v, v.Indexes["x"], 0, l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ids are some ids of the shard; all are, for there is only one.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		if list[i] = fmt.Sprint("d", i); shardmap.ShardOf([]byte(list[i]), 1) != 0 {
			panic("a shard too many")
		}
	}
	return list
}
