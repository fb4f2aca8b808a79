package reply

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Header names of answers.
const (
	HeaderDegraded        = "X-Miroir-Degraded"
	HeaderSettingsVersion = "X-Miroir-Settings-Version"
	HeaderInconsistent    = "X-Miroir-Settings-Inconsistent" // "true": nodes answered with settings that are not, or not all, those committed
	HeaderFacetsApprox    = "X-Miroir-Facets-Approximate"
	HeaderSessionStale    = "X-Miroir-Session-Stale"    // "true": something that the session wrote is not shown
	HeaderSessionDegraded = "X-Miroir-Session-Degraded" // why the session is not honoured, or only in part
	HeaderReplayed        = "Idempotency-Replayed"      // "true": the answer is the one to an earlier request with the same key
)

// jsonType is the content type of every answer with a body, spelled as Meilisearch does.
const jsonType = "application/json"

// Reply is an answer: either Route is set and Envoy sends the request on, or Status, Header and Body are final.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	Route  *Route
}

// Route sends the request on to one node, body and answer untouched by the gateway.
type Route struct {
	Cluster string // Envoy's name of the node's cluster
	Path    string // path with query as the node shall see it
	Set     http.Header
	Remove  []string
}

// JSON is an answer with a JSON body.
func JSON(status int, body []byte) *Reply {
	return &Reply{Status: status, Header: http.Header{"Content-Type": {jsonType}}, Body: body}
}

// Value is an answer with the JSON of v. Values that cannot be encoded are programming errors, answered as such.
func Value(status int, v any) *Reply {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return Error(apierr.New(apierr.MiroirInternal, "The answer could not be encoded."))
	}
	return JSON(status, bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

// Empty is an answer without a body, such as Meilisearch's for a path that it does not know.
func Empty(status int) *Reply { return &Reply{Status: status, Header: http.Header{}} }

// Error is the answer for an error.
func Error(e *apierr.Error) *Reply {
	r := JSON(e.Status, e.JSON())
	if e.Status == http.StatusServiceUnavailable {
		r.Header.Set("Retry-After", "10")
	}
	return r
}

// Degraded marks a read whose answer lacks shards.
func (r *Reply) Degraded(missing []int) *Reply {
	if len(missing) > 0 {
		r.Header.Set(HeaderDegraded, bound("shards="+shardmap.FormatRanges(missing)))
	}
	return r
}

// DegradedIndex marks a read of several indexes whose answer lacks shards of one of them.
func (r *Reply) DegradedIndex(uid string, missing []int) {
	r.Header.Add(HeaderDegraded, bound("index="+uid+"; shards="+shardmap.FormatRanges(missing)))
}

// DegradedGone marks a read of several indexes of which one does not exist.
func (r *Reply) DegradedGone(uid string) { r.Header.Add(HeaderDegraded, bound("index="+uid)) }

// DegradedWrite marks an accepted write that some groups or copies missed.
func (r *Reply) DegradedWrite(groups, shards []int) *Reply {
	value := ""
	if len(groups) > 0 {
		value = "groups=" + shardmap.FormatRanges(groups)
	}
	if len(shards) > 0 {
		if value != "" {
			value += "; "
		}
		value += "shards=" + shardmap.FormatRanges(shards)
	}
	if value != "" {
		r.Header.Set(HeaderDegraded, bound(value))
	}
	return r
}

// Settings names the committed settings version that the answer was made with.
func (r *Reply) Settings(version uint64) *Reply {
	r.Header.Set(HeaderSettingsVersion, strconv.FormatUint(version, 10))
	return r
}

// maxHeaderValue bounds X-Miroir-Degraded; a longer value is cut and says so.
const maxHeaderValue = 1024

func bound(v string) string {
	if len(v) <= maxHeaderValue {
		return v
	}
	return v[:maxHeaderValue-len(",truncated")] + ",truncated"
}
