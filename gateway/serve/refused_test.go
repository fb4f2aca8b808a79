package serve

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// WQ-4: the record of a refused write says which nodes surely never took it, and never will: those that said so, unless the
// same write may come again.
func TestWQ4ARefusedWriteSaysWhoLacksIt(t *testing.T) {
	gateways, nodes := grouped(t, 1, 1)
	s, n := gateways[0], nodes[0]
	for _, c := range []struct {
		refuses string
		broken  bool
		keyed   bool
		lacks   bool
	}{
		{refuses: nodeapi.CodeEngineDown, lacks: true},
		{refuses: "engine_unreachable"}, // it may have been on its way
		{broken: true},
		{refuses: nodeapi.CodeEngineDown, keyed: true},
	} {
		n.mu.Lock()
		n.broken, n.refuses = c.broken, c.refuses
		n.mu.Unlock()
		header := http.Header{}
		if c.keyed {
			header.Set(headerIdempotency, "w")
		}
		r := askWith(t, s, masterKey, header, "POST", "/indexes/a/documents/delete-batch", []int{1})
		if r.Status != http.StatusServiceUnavailable || codeOf(t, r) != apierr.MiroirNoQuorum {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		dispatch, _, _ := strings.Cut(n.writes[len(n.writes)-1], " at ")
		uid, err := strconv.ParseUint(dispatch, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := s.Store.Task(t.Context(), uint32(uid))
		if err != nil || !rec.Done() || rec.Targets[0].Lacks != c.lacks {
			t.Errorf("%+v: %+v %v", c, rec, err)
		}
	}
}
