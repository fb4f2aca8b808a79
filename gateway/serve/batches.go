package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/task"
)

// Every task that was started is a batch of its own, under the task's uid: nodes batch for themselves, and no two alike.

func (s *Service) getBatch(ctx context.Context, c *call) *reply.Reply {
	uid, e := meili.ParseBatchUID(c.op.ID)
	if e != nil {
		return reply.Error(e)
	}
	r, ok, err := s.task(ctx, c, uid)
	if err != nil {
		return s.stateReply(ctx, err)
	}
	if ok {
		r = s.live(ctx, c.view, r)[0]
	}
	if !ok || r.Status == task.Enqueued {
		return reply.Error(meili.BatchNotFound(uid))
	}
	return reply.Value(http.StatusOK, s.batches(ctx, c.view, []task.Record{r})[0])
}

func (s *Service) listBatches(ctx context.Context, c *call) *reply.Reply {
	q, e := meili.ParseTaskQuery(c.Query)
	if e != nil {
		return reply.Error(e)
	}
	p := s.page(c, q, q.Filter.CountBatch, q.Filter.MatchBatch)
	batches := s.batches(ctx, c.view, s.live(ctx, c.view, p.records...))
	return reply.Value(http.StatusOK, taskList[meili.Batch]{batches, p.total, q.Limit, p.from, p.next})
}

// batches makes the batches of tasks. What only nodes know about the work comes from the node whose part took longest,
// for the task took as long as that.
func (s *Service) batches(ctx context.Context, v *routing.View, records []task.Record) []meili.Batch {
	parts := s.nodeBatches(ctx, v, records)
	list := make([]meili.Batch, len(records))
	for i, r := range records {
		b := meili.Batch{
			UID: r.UID, Details: settled(r, s.details(ctx, r)), Status: r.Status, Type: r.Type, IndexUID: r.IndexUID, StartedAt: r.EnqueuedAt,
			FinishedAt: r.FinishedAt,
		}
		if r.StartedAt != nil {
			b.StartedAt = *r.StartedAt
		}
		if p, ok := parts[r.UID]; ok {
			b.Stats = p.Stats
			if r.Type == task.IndexCreation {
				// Nodes make indexes as they take documents, of which there are none.
				b.Stats = meili.BatchStats{ProgressTrace: p.Stats.ProgressTrace}
			}
			if !r.Done() {
				b.Progress = p.Progress
			}
		} else if r.FinishedAt != nil {
			// Nobody but the cluster itself did anything: that is the only step there is.
			b.Stats.ProgressTrace, _ = rawjson.Marshal(map[string]string{"processing tasks": r.FinishedAt.Sub(b.StartedAt).String()})
		}
		list[i] = b
	}
	return list
}

// unsettled are the details that a batch shows as null only while it is under way.
var unsettled = map[string]bool{
	"indexedDocuments": true, "editedDocuments": true, "deletedDocuments": true, "primaryKey": true, "canceledTasks": true,
	"deletedTasks": true, "originalFilter": true, "dumpUid": true, "context": true,
}

// settled are the details of a task as its batch shows them: one that has ended does not name what there is nothing to say of.
func settled(r task.Record, details json.RawMessage) json.RawMessage {
	if !r.Done() || len(details) == 0 || details[0] != '{' {
		return details
	}
	return rawjson.AppendWithout(nil, details, func(key, value []byte) bool {
		return string(value) == "null" && unsettled[string(bytes.Trim(key, `"`))]
	})
}

// nodeBatch is what is read of a node's batch.
type nodeBatch struct {
	UID        uint32           `json:"uid"`
	Progress   json.RawMessage  `json:"progress"`
	Stats      meili.BatchStats `json:"stats"`
	StartedAt  time.Time        `json:"startedAt"`
	FinishedAt *time.Time       `json:"finishedAt"`
}

// took is how long the node worked on it; one that still does took longest.
func (b nodeBatch) took() time.Duration {
	if b.FinishedAt == nil {
		return 1<<63 - 1
	}
	return b.FinishedAt.Sub(b.StartedAt)
}

// nodeBatches asks the nodes for their batches of the tasks' parts, and keeps the longest of each task, by its uid. Nodes
// that do not answer in time are left out.
func (s *Service) nodeBatches(ctx context.Context, v *routing.View, records []task.Record) map[uint32]nodeBatch {
	byNode := map[string][]*task.Record{}
	for i := range records {
		r := &records[i]
		for _, t := range r.Targets {
			if !t.Missed && v.Nodes[t.Node].Alive {
				byNode[t.Node] = append(byNode[t.Node], r)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	longest := map[uint32]nodeBatch{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for node, parts := range byNode {
		all.Go(func() {
			found, err := s.batchesOn(ctx, v.Nodes[node].Address, parts)
			if err != nil {
				s.Log.Debug().Ctx(ctx).Err(err).Str("node", node).Msg("node did not answer about its batches")
			}
			mu.Lock()
			defer mu.Unlock()
			for uid, b := range found {
				if known, ok := longest[uid]; !ok || b.took() > known.took() {
					longest[uid] = b
				}
			}
		})
	}
	all.Wait()
	return longest
}

// batchesOn reads one node's batches of parts of tasks, by the tasks' uids.
func (s *Service) batchesOn(ctx context.Context, address string, parts []*task.Record) (map[uint32]nodeBatch, error) {
	dispatches, err := s.Nodes.Dispatches(ctx, address, dispatchIDs(parts))
	if err != nil {
		return nil, err
	}
	tasksOf := map[uint32][]uint32{} // by the node's batch
	var wanted []string
	for i, d := range dispatches {
		var own struct {
			BatchUID *uint32 `json:"batchUid"`
		}
		if len(d.Task) == 0 || json.Unmarshal(d.Task, &own) != nil || own.BatchUID == nil {
			continue
		}
		if len(tasksOf[*own.BatchUID]) == 0 {
			wanted = append(wanted, strconv.FormatUint(uint64(*own.BatchUID), 10))
		}
		tasksOf[*own.BatchUID] = append(tasksOf[*own.BatchUID], parts[i].UID)
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	a, err := s.Nodes.Do(ctx, client.Request{
		Address: address, Method: http.MethodGet,
		Path: "/batches?limit=" + strconv.Itoa(len(wanted)) + "&batchUids=" + url.QueryEscape(strings.Join(wanted, ",")),
	})
	if err != nil {
		return nil, err
	}
	var page struct {
		Results []nodeBatch `json:"results"`
	}
	if err := json.Unmarshal(a.Body, &page); err != nil {
		return nil, err
	}
	found := map[uint32]nodeBatch{}
	for _, b := range page.Results {
		for _, uid := range tasksOf[b.UID] {
			found[uid] = b
		}
	}
	return found, nil
}
