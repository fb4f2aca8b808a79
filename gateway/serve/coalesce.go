package serve

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/miroir-search/miroir/gateway/coalesce"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/meili"
)

// shared answers a search by find, or with the answer to an equal search of the same credential that is under way.
func (s *Service) shared(ctx context.Context, c *call, q *meili.SearchQuery, find func(context.Context) *reply.Reply) *reply.Reply {
	key, ok := s.fingerprint(c, q)
	if !ok {
		return find(ctx)
	}
	own := false
	r, ok := s.Coalesce.Do(ctx, key, func(ctx context.Context) (*reply.Reply, bool) {
		own = true
		r := find(ctx)
		s.purity(c, r) // those who join get it with the answer
		return r, r.Status == http.StatusOK && r.Header.Get(reply.HeaderDegraded) == ""
	})
	switch {
	case !ok: // the client is gone
		return reply.Empty(http.StatusServiceUnavailable)
	case own:
		return r
	}
	copied := *r // whoever answers may add headers to his own
	copied.Header = maps.Clone(r.Header)
	return &copied
}

// fingerprints are buffers for what a fingerprint is made of.
var fingerprints = sync.Pool{New: func() any { return new([]byte) }}

// fingerprint names a search by everything that its answer depends on, and by the credential that asks: what one may see is
// never shown to another. ok is false for searches that are not shared: of what is not there, and with demands of their own
// on who answers.
func (s *Service) fingerprint(c *call, q *meili.SearchQuery) (key coalesce.Key, ok bool) {
	ix, known := c.view.Indexes[c.op.Index]
	if s.Coalesce == nil || !known || c.shunned != nil || demanding(c.Header) {
		return key, false
	}
	buffer, _ := fingerprints.Get().(*[]byte)
	b := (*buffer)[:0]
	b = binary.BigEndian.AppendUint64(b, uint64(c.view.Epoch)) //nolint:gosec // any number does
	b = binary.BigEndian.AppendUint64(b, ix.SettingsVersion)
	b = appendPart(appendPart(b, ix.Name), ix.Physical)
	b = strconv.AppendBool(b, c.wantsMetadata())
	b = appendPart(b, s.tuned().Scatter.UnavailableShardPolicy)
	b = strconv.AppendBool(b, s.tuned().Fallback.CrossGroup)
	credentials := c.Header["Authorization"]
	b = binary.BigEndian.AppendUint64(b, uint64(len(credentials)))
	for _, v := range credentials {
		b = appendPart(b, v)
	}
	q.Each(func(name string, value []byte) { b = appendPart(appendPart(b, name), value) })
	key = sha256.Sum256(b)
	clear(b) // credentials do not stay in memory longer than they must
	*buffer = b
	fingerprints.Put(buffer)
	return key, true
}

// appendPart appends a part with its length, so that no two lists of parts are the same bytes.
func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
}

// demanding says whether a request asks for certain copies or settings.
func demanding(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "X-Miroir-") && name != "X-Miroir-Client-Address" {
			return true
		}
	}
	return false
}
