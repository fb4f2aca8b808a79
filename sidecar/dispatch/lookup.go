package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/sidecar/engine"
)

// batch is how many tasks one request to the engine asks for, so that its address stays short.
const batch = 500

// Writes knows of dispatches what the engine does not.
type Writes interface {
	// Ended says whether the success of a dispatch, which is a task of the engine, may be told: only where ok, and when after, if it is
	// one, has succeeded as well.
	Ended(ctx context.Context, id string, uid uint32) (after string, ok bool)
	// Left is how many documents of a dispatch its task does not count.
	Left(id string) (documents int)
}

// Heed lets w have its say before the success of a dispatch is told. It is called before anything else.
func (t *Table) Heed(w Writes) { t.writes = w }

// Lookup tells what became of dispatches, in the order asked for, with one request to the engine for all of them.
// A dispatch of unknown outcome is looked for first.
func (t *Table) Lookup(ctx context.Context, ids []string) ([]nodeapi.Dispatch, error) {
	found, err := t.look(ctx, ids)
	if err != nil || t.writes == nil {
		return found, err
	}
	waits := map[string][]int{}
	for i, d := range found {
		if d.State != task.Succeeded {
			continue
		}
		uid, _ := t.find(d.ID)
		after, ok := t.writes.Ended(ctx, d.ID, uid)
		if left := t.writes.Left(d.ID); left > 0 {
			err = errors.Join(err, credit(&found[i], left))
		}
		switch {
		case !ok:
			err = errors.Join(err, reopen(&found[i]))
		case after != "":
			waits[after] = append(waits[after], i)
		}
	}
	if err != nil || len(waits) == 0 {
		return found, err
	}
	others, err := t.look(ctx, slices.Collect(maps.Keys(waits)))
	if err != nil {
		return nil, err
	}
	for _, d := range others {
		if d.State != nodeapi.StateUnknown && d.State != task.Succeeded {
			for _, i := range waits[d.ID] {
				err = errors.Join(err, reopen(&found[i]))
			}
		}
	}
	return found, err
}

// reopen shows a dispatch as one that is under way.
func reopen(d *nodeapi.Dispatch) error {
	d.State = task.Processing
	return change(&d.Task, func(object map[string]json.RawMessage) error {
		object["status"] = json.RawMessage(`"` + task.Processing + `"`)
		object["finishedAt"], object["duration"] = json.RawMessage("null"), json.RawMessage("null")
		return nil
	})
}

// credit counts documents that the engine did not get among those that were indexed. Nobody can tell how many would have been
// deleted, so deletions are not counted.
func credit(d *nodeapi.Dispatch, documents int) error {
	return change(&d.Task, func(object map[string]json.RawMessage) error {
		details := object["details"]
		err := change(&details, func(counts map[string]json.RawMessage) error {
			var n int
			if raw, counted := counts["indexedDocuments"]; counted && json.Unmarshal(raw, &n) == nil {
				counts["indexedDocuments"] = json.RawMessage(strconv.Itoa(n + documents))
			}
			return nil
		})
		object["details"] = details
		return err
	})
}

// change writes an object of an engine's task anew.
func change(raw *json.RawMessage, edit func(map[string]json.RawMessage) error) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(*raw, &object); err != nil {
		return fmt.Errorf("engine task: %w", err)
	}
	if err := edit(object); err != nil {
		return err
	}
	changed, err := json.Marshal(object)
	*raw = changed
	return err
}

// look is Lookup of what the engine says.
func (t *Table) look(ctx context.Context, ids []string) ([]nodeapi.Dispatch, error) {
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

// Pauses between two looks at the engine's tasks while somebody waits for their ends.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// Await is Lookup that waits, for some time at most, until all dispatches that the node knows have ended.
func (t *Table) Await(ctx context.Context, ids []string, patience time.Duration) ([]nodeapi.Dispatch, error) {
	over := time.NewTimer(patience)
	defer over.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		found, err := t.Lookup(ctx, ids)
		if err != nil || !slices.ContainsFunc(found, running) {
			return found, err
		}
		select {
		case <-time.After(pause):
		case <-over.C:
			return found, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func running(d nodeapi.Dispatch) bool { return d.State != nodeapi.StateUnknown && !task.Final(d.State) }

// fill puts one engine task where it was asked for. A task that carries another dispatch id shows that the engine
// started over with empty data: the mapping is void.
func (t *Table) fill(out []nodeapi.Dispatch, at map[uint32][]int, raw json.RawMessage) error {
	var own engine.Task
	if err := json.Unmarshal(raw, &own); err != nil {
		return fmt.Errorf("engine task: %w", err)
	}
	for _, i := range at[own.UID] {
		if own.CustomMetadata != nil && *own.CustomMetadata != out[i].ID {
			t.forget(out[i].ID)
			continue
		}
		out[i].State, out[i].Task = own.Status, raw
	}
	return nil
}
