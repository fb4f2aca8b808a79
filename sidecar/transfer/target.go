package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/journal"
)

const (
	writeAtOnce = 500     // documents of one leg
	writeBytes  = 8 << 20 // and their bytes, about
	maxDeferred = 10_000
)

// errFailed says that the engine did not carry out what was copied.
var errFailed = errors.New("the engine failed to take copied documents")

// Keeper brings an index to the engine.
type Keeper interface {
	Ready(ctx context.Context, ix *routing.Index) error
}

// Target takes documents from other nodes. It is safe for concurrent use.
type Target struct {
	Node
	Keeper  Keeper
	Peers   client.Doer
	Metrics *Metrics
}

// cursor is where the next step of a repair goes on.
type cursor struct {
	From     hlc.Stamp          `json:"from,omitempty"`     // place in the journal at hand
	Own      bool               `json:"own,omitempty"`      // which is this node's
	Shard    int                `json:"shard,omitempty"`    // place in the list of shards, in mode whole
	Tree     *tree              `json:"tree,omitempty"`     // of that shard, when it has been compared
	Deferred []nodeapi.Document `json:"deferred,omitempty"` // to look at again
	Listed   bool               `json:"listed,omitempty"`   // nothing but those is left
}

// Step does one step of a repair.
func (t *Target) Step(ctx context.Context, q nodeapi.RepairStep) (nodeapi.RepairResult, error) {
	var out nodeapi.RepairResult
	p, err := t.held(q.Index, q.Shards, false)
	if err == nil {
		err = t.Keeper.Ready(ctx, p.index)
	}
	if err != nil {
		return out, err
	}
	at := cursor{From: q.From}
	if len(q.Cursor) > 0 {
		if err := json.Unmarshal(q.Cursor, &at); err != nil {
			return out, errors.Join(ErrQuery, err)
		}
	}
	source := peer{t.Peers, q.Address}
	work := &step{Target: t, place: p, source: source, out: &out, rate: q.Rate, steady: newPace(q.Rate), right: true, refused: q.Refused}
	work.begin()
	work.judge = func(here local, there nodeapi.Copy) (action, guard.Op) {
		if t.barred(q.Index) {
			return later, guard.Op{}
		}
		return decide(here, there)
	}
	again := at.Deferred
	at.Deferred = nil
	switch {
	case at.Listed:
	case q.Mode == nodeapi.RepairChanges:
		err = work.changes(ctx, q, &at)
	case q.Mode == nodeapi.RepairWhole:
		err = work.wholes(ctx, q.Limit, &at)
	default:
		return out, ErrQuery
	}
	if err != nil || out.Whole {
		return out, err
	}
	if len(again) > 0 {
		err = work.take(ctx, again)
	}
	if err = errors.Join(err, work.finish(ctx)); err != nil {
		return out, err
	}
	if at.Deferred = work.deferred; len(at.Deferred) > maxDeferred {
		return out, errors.New("too many documents are being written")
	}
	out.Deferred = len(at.Deferred)
	out.Done = at.Listed && len(at.Deferred) == 0
	out.Cursor, err = json.Marshal(at)
	t.Metrics.count(out)
	return out, err
}

// step is one step at work.
type step struct {
	*Target
	place    place
	source   peer
	out      *nodeapi.RepairResult
	rate     int
	steady   pace // of the documents that are looked at one by one
	settled  bool // both engines have done what they had when the step began
	judge    func(local, nodeapi.Copy) (action, guard.Op)
	right    bool          // the source is right about all that it can know, for its copies are complete and the own ones are not
	mend     *nodeapi.Mend // nil in a repair
	noted    [][]byte      // of the log of repairs, not written yet
	refused  []string      // writes that the source will never have
	deferred []nodeapi.Document
	pending  []journal.Op // copies that are not sent yet
	bytes    int
	gone     []journal.Op // deletions
	tasks    []uint32     // what was sent
	sent     []nodeapi.Document
	wide     hlc.Stamp // of the last operation on all documents before anything was read
	coming   bool      // and whether that was still on its way
}

// begin notes what nothing that is read from now on may miss.
func (s *step) begin() { s.wide, s.coming = s.Journal.Wides(s.place.index.Physical) }

// crossed says whether an operation on all documents came to the engine since the step began. What the source told before may lack
// its effect, and what was written, or put on top of that again, then stands behind it: no stamp puts that in order.
func (s *step) crossed() bool {
	wide, coming := s.Journal.Wides(s.place.index.Physical)
	return wide != s.wide || coming || s.coming
}

// changes looks at a page of the documents that changed, by the source's journal and then by the own one: what only this
// node has was never accepted, and must go as well.
func (s *step) changes(ctx context.Context, q nodeapi.RepairStep, at *cursor) error {
	ask := nodeapi.ChangesQuery{Index: q.Index, Shards: q.Shards, From: at.From, Limit: q.Limit}
	var page nodeapi.Changes
	var err error
	if at.Own {
		page, err = s.Node.changes(s.place, ask)
	} else {
		page, err = s.source.changes(ctx, ask)
	}
	if err != nil {
		return err
	}
	if page.Behind || page.Wide {
		s.out.Whole = true
		return nil
	}
	switch {
	case page.More:
		at.From = page.Through + 1
	case !at.Own:
		at.Own, at.From = true, q.From
	default:
		at.Listed = true
	}
	return s.take(ctx, page.Documents)
}

// take compares documents with the source's and writes what differs.
func (s *step) take(ctx context.Context, some []nodeapi.Document) error {
	for len(some) > 0 {
		n := min(len(some), fetchAtOnce)
		if err := s.takeSome(ctx, some[:n]); err != nil {
			return err
		}
		some = some[n:]
	}
	return nil
}

func (s *step) takeSome(ctx context.Context, some []nodeapi.Document) error {
	s.out.Examined += len(some)
	if err := s.withdraw(some); err != nil {
		return err
	}
	before, _, _, err := s.operations(s.place, some)
	if err != nil {
		return err
	}
	var theirs []nodeapi.Copy
	if err := s.source.copies(ctx, s.place.index.Physical, some, func(c nodeapi.Copy) error {
		theirs = append(theirs, c)
		return nil
	}); err != nil {
		return err
	}
	// The own side is read last: what came to this node meanwhile is newer than the copy and stays on top of it.
	found, histories, err := s.known(ctx, s.place, some)
	if err != nil {
		return err
	}
	for i := range some {
		if newer := ahead(before[i], theirs[i]); s.right && len(newer) > 0 {
			s.name(newer)
			s.deferred = append(s.deferred, some[i])
			continue
		}
		here, err := s.here(some[i], found, histories[i])
		if err != nil {
			return err
		}
		what, op := s.judge(here, theirs[i])
		if what == later && s.right {
			s.name(guard.Lacking(op, here.history)) // under what the source has
		}
		s.note(what, some[i], op, here)
		s.act(what, some[i], op, theirs[i].Body)
	}
	return s.more(ctx, len(some))
}

// withdraw takes operations of refused writes out of the journal, so that they are not put on top of what the source has.
func (s *step) withdraw(some []nodeapi.Document) error {
	if len(s.refused) == 0 {
		return nil
	}
	documents := make([]journal.Change, len(some))
	for i, d := range some {
		documents[i] = journal.Change{Shard: d.Shard, ID: d.ID}
	}
	return s.Journal.Withdraw(s.place.index.Physical, documents, s.refused)
}

// name tells which writes documents are left for: the source has not got them, yet or ever.
func (s *step) name(newer []guard.Op) {
	for _, h := range newer {
		if len(s.out.Ahead) < nodeapi.MaxAhead && !slices.Contains(s.out.Ahead, h.Write) {
			s.out.Ahead = append(s.out.Ahead, h.Write)
		}
	}
}

// here is what this node has of a document.
func (s *step) here(d nodeapi.Document, found map[string]stored, history []guard.Op) (local, error) {
	document, exists := found[d.ID]
	here := local{exists: exists, version: document.version, body: document.body, history: history}
	newest, ok, err := s.Journal.Newest(s.place.index.Physical, d.Shard, []byte(d.ID))
	if ok && newest.Deleted {
		here.gone = newest.Version
	}
	return here, err
}

// act collects what is to be done.
func (s *step) act(what action, d nodeapi.Document, op guard.Op, body []byte) {
	j := journal.Op{Shard: d.Shard, ID: []byte(d.ID), Version: op.Version, Floor: op.Floor, Includes: op.Includes}
	switch what {
	case later:
		s.deferred = append(s.deferred, d)
	case remove:
		s.gone, s.sent = append(s.gone, j), append(s.sent, d)
		s.out.Deleted++
	case write:
		s.sent = append(s.sent, d)
		j.Body = append(append(make([]byte, 0, len(body)+1), body...), '\n')
		s.pending = append(s.pending, j)
		s.bytes += len(j.Body)
		s.out.Written++
	}
}

// more sends what was collected when it is much, and keeps to the rate.
func (s *step) more(ctx context.Context, looked int) error {
	if len(s.pending) >= writeAtOnce || s.bytes >= writeBytes || len(s.gone) >= writeAtOnce {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	return s.steady.wait(ctx, looked)
}

// flush sends what was collected to the engine.
func (s *step) flush(ctx context.Context) error {
	// What loses is in the log before it is gone.
	if err := s.Journal.Note(s.noted...); err != nil {
		return err
	}
	s.noted = nil
	for _, leg := range []struct {
		kind guard.Kind
		ops  []journal.Op
	}{{guard.Copy, s.pending}, {guard.Delete, s.gone}} {
		if len(leg.ops) == 0 {
			continue
		}
		task, err := s.Replica.Write(ctx, s.place.index.Physical, leg.kind, leg.ops)
		if err != nil {
			return fmt.Errorf("write copies: %w", err)
		}
		s.tasks = append(s.tasks, task)
	}
	s.pending, s.gone, s.bytes = nil, nil, 0
	return nil
}

// finish sends the rest and returns when the engine has carried everything out, with what settling put on top of it.
func (s *step) finish(ctx context.Context) error {
	if err := s.flush(ctx); err != nil || len(s.tasks) == 0 {
		return err
	}
	if err := s.Replica.Settled(ctx, s.place.index.Physical); err != nil {
		return err
	}
	if err := s.drained(ctx, s.place.index.Physical); err != nil {
		return err
	}
	for _, task := range s.tasks {
		t, err := s.Engine.Task(ctx, task)
		if err != nil {
			return err
		}
		if t.Status != "succeeded" {
			return fmt.Errorf("task %s: %w", t.Status, errFailed)
		}
	}
	if s.crossed() {
		s.deferred = append(s.deferred, s.sent...)
	}
	return nil
}
