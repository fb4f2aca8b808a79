package nodeapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/miroir-search/miroir/internal/shardmap"
)

// Header names of a leg. Envoy removes all of them from client requests.
const (
	HeaderEpoch      = "X-Miroir-Leg-Epoch"       // decimal revision of the sender's routing view
	HeaderShards     = "X-Miroir-Leg-Shards"      // shards the leg answers for, as shardmap.FormatRanges writes them
	HeaderCount      = "X-Miroir-Leg-Count"       // number of shards of the index, decimal
	HeaderPrimaryKey = "X-Miroir-Leg-Primary-Key" // primary key of the index, query-escaped
	HeaderDispatch   = "X-Miroir-Dispatch"        // idempotency id of a write on one node, at most MaxDispatch bytes
	HeaderInternal   = "X-Miroir-Leg-Internal"    // "raw": the answer keeps reserved fields and no filter is added

	// HeaderTarget is set by the gateway on a request that Envoy routes to one sidecar: the name of Envoy's cluster.
	HeaderTarget = "X-Miroir-Target"
)

// MaxDispatch bounds the dispatch id in bytes.
const MaxDispatch = 64

// InternalRaw is the value of HeaderInternal that asks for an unstripped, unfiltered answer.
const InternalRaw = "raw"

// ClusterOf is the name of Envoy's cluster for a node's sidecar.
func ClusterOf(node string) string { return "node/" + node }

// Leg is what a leg says beside its route.
type Leg struct {
	Epoch      int64  // revision of the sender's routing view, 0 when it does not matter
	Shards     []int  // ascending; nil when the leg is about the whole node
	Count      int    // shards of the index, 0 when the leg names no index
	PrimaryKey string // only on document legs
	Dispatch   string // only on writes
	Raw        bool   // HeaderInternal
}

// Set writes the leg into request headers.
func (l Leg) Set(h http.Header) {
	if l.Epoch > 0 {
		h.Set(HeaderEpoch, strconv.FormatInt(l.Epoch, 10))
	}
	if l.Count > 0 {
		h.Set(HeaderCount, strconv.Itoa(l.Count))
		h.Set(HeaderShards, shardmap.FormatRanges(l.Shards))
	}
	if l.PrimaryKey != "" {
		h.Set(HeaderPrimaryKey, url.QueryEscape(l.PrimaryKey))
	}
	if l.Dispatch != "" {
		h.Set(HeaderDispatch, l.Dispatch)
	}
	if l.Raw {
		h.Set(HeaderInternal, InternalRaw)
	}
}

// ReadLeg reads the headers of a leg; a malformed one is an error that names the header, never its value.
func ReadLeg(h http.Header) (Leg, error) {
	var l Leg
	var err error
	if v := h.Get(HeaderEpoch); v != "" {
		if l.Epoch, err = strconv.ParseInt(v, 10, 64); err != nil || l.Epoch < 0 {
			return l, fmt.Errorf("header %s is malformed", HeaderEpoch)
		}
	}
	if v := h.Get(HeaderCount); v != "" {
		if l.Count, err = strconv.Atoi(v); err != nil || l.Count < 1 || l.Count > shardmap.MaxShards {
			return l, fmt.Errorf("header %s is malformed", HeaderCount)
		}
		if l.Shards, err = shardmap.ParseRanges(h.Get(HeaderShards), l.Count); err != nil {
			return l, fmt.Errorf("header %s is malformed", HeaderShards)
		}
	}
	if v := h.Get(HeaderPrimaryKey); v != "" {
		if l.PrimaryKey, err = url.QueryUnescape(v); err != nil {
			return l, fmt.Errorf("header %s is malformed", HeaderPrimaryKey)
		}
	}
	l.Dispatch = h.Get(HeaderDispatch)
	if len(l.Dispatch) > MaxDispatch {
		return l, fmt.Errorf("header %s is too long", HeaderDispatch)
	}
	switch h.Get(HeaderInternal) {
	case "":
	case InternalRaw:
		l.Raw = true
	default:
		return l, fmt.Errorf("header %s is malformed", HeaderInternal)
	}
	return l, nil
}
