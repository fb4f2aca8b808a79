package nodeapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/miroir-search/miroir/internal/hlc"
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
	HeaderStamp      = "X-Miroir-Leg-Stamp"       // hybrid logical clock of a write, decimal
	HeaderKeep       = "X-Miroir-Leg-Keep"        // "stamps": hits and documents of the answer keep their stamps, see Marked
	HeaderSortValues = "X-Miroir-Leg-Sort-Values" // "true": a sorted list of documents tells what it was sorted by
	HeaderRouted     = "X-Miroir-Leg-Routed"      // "true": the answer goes to the client as it is

	// HeaderSettings is of answers: the settings that the engine ran the request with, as it shows them; see Settings… below.
	HeaderSettings = "X-Miroir-Leg-Settings"

	// HeaderVersion is of answers: the committed version of the settings, which the client sees where the answer is routed.
	HeaderVersion = "X-Miroir-Settings-Version"

	// HeaderTarget is set by the gateway on a request that Envoy routes to one sidecar: the name of Envoy's cluster.
	HeaderTarget = "X-Miroir-Target"
)

// SettingsChanging is the value of HeaderSettings while a change of an index's settings is on its way in the engine. Any other
// value is SettingsTag of the hash that the engine was last seen to show; without the header it was not looked at yet.
const SettingsChanging = "changing"

// SettingsTag is what identifies settings in HeaderSettings: the first digits of their hash.
func SettingsTag(hash string) string { return hash[:min(16, len(hash))] }

// MaxDispatch bounds the dispatch id in bytes.
const MaxDispatch = 64

// InternalRaw is the value of HeaderInternal that asks for an unstripped, unfiltered answer.
const InternalRaw = "raw"

// SortValues is the value of HeaderSortValues.
const SortValues = "true"

// Routed is the value of HeaderRouted.
const Routed = "true"

// KeepStamps is the value of HeaderKeep that asks for a marked answer.
const KeepStamps = "stamps"

// ClusterOf is the name of Envoy's cluster for a node's sidecar.
func ClusterOf(node string) string { return "node/" + node }

// ClusterOfPair is the name of Envoy's cluster for two sidecars, of which the second gets what the first fails to answer.
func ClusterOfPair(first, second string) string { return "nodes/" + first + "," + second }

// Leg is what a leg says beside its route.
type Leg struct {
	Epoch      int64     // revision of the sender's routing view, 0 when it does not matter
	Shards     []int     // ascending; nil when the leg is about the whole node
	Count      int       // shards of the index, 0 when the leg names no index
	PrimaryKey string    // only on document legs
	Dispatch   string    // only on writes
	Stamp      hlc.Stamp // only on writes; 0 when the sender gives none
	Raw        bool      // HeaderInternal
	Stamps     bool      // HeaderKeep, only on reads
	SortValues bool      // HeaderSortValues, only on lists of documents
	Routed     bool      // HeaderRouted
}

// Set writes the leg into request headers.
func (l Leg) Set(h http.Header) { l.Each(h.Set) }

// Each calls use with the name and the value of every header of the leg.
func (l Leg) Each(use func(name, value string)) {
	if l.Epoch > 0 {
		use(HeaderEpoch, strconv.FormatInt(l.Epoch, 10))
	}
	if l.Count > 0 {
		use(HeaderCount, strconv.Itoa(l.Count))
		use(HeaderShards, shardmap.FormatRanges(l.Shards))
	}
	if l.PrimaryKey != "" {
		use(HeaderPrimaryKey, url.QueryEscape(l.PrimaryKey))
	}
	if l.Dispatch != "" {
		use(HeaderDispatch, l.Dispatch)
	}
	if l.Stamp > 0 {
		use(HeaderStamp, strconv.FormatUint(uint64(l.Stamp), 10))
	}
	if l.Raw {
		use(HeaderInternal, InternalRaw)
	}
	if l.Stamps {
		use(HeaderKeep, KeepStamps)
	}
	if l.SortValues {
		use(HeaderSortValues, SortValues)
	}
	if l.Routed {
		use(HeaderRouted, Routed)
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
	if v := h.Get(HeaderStamp); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if l.Stamp = hlc.Stamp(n); err != nil || l.Stamp > hlc.Max {
			return l, fmt.Errorf("header %s is malformed", HeaderStamp)
		}
	}
	if l.Raw, err = flag(h, HeaderInternal, InternalRaw); err != nil {
		return l, err
	}
	if l.Stamps, err = flag(h, HeaderKeep, KeepStamps); err != nil {
		return l, err
	}
	if l.SortValues, err = flag(h, HeaderSortValues, SortValues); err != nil {
		return l, err
	}
	l.Routed, err = flag(h, HeaderRouted, Routed)
	return l, err
}

// flag reads a header that has one value or is not there.
func flag(h http.Header, name, value string) (bool, error) {
	switch h.Get(name) {
	case "":
		return false, nil
	case value:
		return true, nil
	}
	return false, fmt.Errorf("header %s is malformed", name)
}
