package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/engine"
)

// batch is how many tasks one request to the engine asks for, so that its address stays short.
const batch = 500

// Lookup tells what became of dispatches, in the order asked for, with one request to the engine for all of them.
// A dispatch of unknown outcome is looked for first.
func (t *Table) Lookup(ctx context.Context, ids []string) ([]nodeapi.Dispatch, error) {
	select {
	case <-t.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	out := make([]nodeapi.Dispatch, len(ids))
	at := map[uint32][]int{}
	var uids []string
	for i, id := range ids {
		out[i] = nodeapi.Dispatch{ID: id, State: nodeapi.StateUnknown}
		uid, known := t.find(id)
		if since, doubtful := t.doubt(id); !known && doubtful {
			var err error
			if uid, known, err = t.search(ctx, id, since); err != nil {
				return nil, err
			}
		}
		if !known {
			continue
		}
		if len(at[uid]) == 0 {
			uids = append(uids, strconv.FormatUint(uint64(uid), 10))
		}
		at[uid] = append(at[uid], i)
	}
	for len(uids) > 0 {
		n := min(len(uids), batch)
		q := url.Values{"uids": {strings.Join(uids[:n], ",")}, "limit": {strconv.Itoa(n)}}
		page, err := t.engine.Tasks(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("look up engine tasks: %w", err)
		}
		for _, raw := range page.Results {
			if err := t.fill(out, at, raw); err != nil {
				return nil, err
			}
		}
		uids = uids[n:]
	}
	return out, nil
}

// fill puts one engine task where it was asked for. A task that carries another dispatch id shows that the engine
// started over with empty data: the mapping is void.
func (t *Table) fill(out []nodeapi.Dispatch, at map[uint32][]int, raw json.RawMessage) error {
	var task engine.Task
	if err := json.Unmarshal(raw, &task); err != nil {
		return fmt.Errorf("engine task: %w", err)
	}
	for _, i := range at[task.UID] {
		if task.CustomMetadata != nil && *task.CustomMetadata != out[i].ID {
			t.forget(out[i].ID)
			continue
		}
		out[i].State, out[i].Task = task.Status, raw
	}
	return nil
}
