package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// headerIdempotency makes a write that is sent again harmless.
const headerIdempotency = "Idempotency-Key"

// maxIdempotencyKey bounds a key, in bytes.
const maxIdempotencyKey = 255

// once is what a request with an Idempotency-Key carries through its handler.
type once struct {
	key    string       // name of its record
	sum    hash.Hash    // of what was read so far
	body   io.Reader    // what feeds the sum
	claim  *state.Claim // set when the request may go on
	resume *task.Record // the task of an earlier attempt that this one goes on with; without a version it only has a uid
	open   bool         // that task is on record
	again  *task.Record // the task of an earlier attempt that too few copies took
}

// answered is the error of a request that must not go on, because its answer is known.
type answered struct{ reply *reply.Reply }

func (answered) Error() string { return "answered before" }

// keyed reads the Idempotency-Key of a write.
func (s *Service) keyed(c *call) *apierr.Error {
	values := c.Header[headerIdempotency]
	if len(values) == 0 || !c.op.Kind.Writes() {
		return nil
	}
	if len(values) > 1 || !opaque(values[0], maxIdempotencyKey) {
		return invalidHeader(headerIdempotency, maxIdempotencyKey)
	}
	if !s.tuned().Idempotency.Enabled { // a promise that is not kept is not made
		return apierr.New(apierr.FeatureNotEnabled, "Idempotency keys are switched off in this cluster.")
	}
	c.once = &once{key: secretName(c.grant.Credential(), values[0]), sum: sha256.New()}
	for _, part := range []string{c.Method, c.Path, c.Query} {
		c.once.sum.Write(append([]byte(part), 0))
	}
	c.once.body = io.TeeReader(c.Body, c.once.sum)
	c.Body = c.once.body
	return nil
}

// opaque says whether a value is one to so many visible ASCII characters.
func opaque(v string, most int) bool {
	if v == "" || len(v) > most {
		return false
	}
	for i := range len(v) {
		if v[i] <= ' ' || v[i] > '~' {
			return false
		}
	}
	return true
}

func invalidHeader(name string, most int) *apierr.Error {
	return apierr.New(apierr.MiroirInvalidHeader, "The header `%s` is malformed: it must be 1 to %d visible ASCII characters.", name, most)
}

// secretName is the name of a record that belongs to one credential and a word of its client. It does not lead back to them.
func secretName(credential, word string) string {
	sum := sha256.Sum256([]byte(credential + "\x00" + word))
	return hex.EncodeToString(sum[:])
}

// claim is what the request has claimed, nil without a key.
func (c *call) claim() *state.Claim {
	if c.once == nil {
		return nil
	}
	return c.once.claim
}

// begin must be called when a write has read its body, before it has any effect. A request without a key goes on; one with a
// key goes on when it is the first, or when the first has failed, which then is gone on with. The error is for stateReply.
func (s *Service) begin(ctx context.Context, c *call) error {
	o := c.once
	if o == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(o.body, s.Limits.MaxBody)); err != nil {
		return answered{reply.Error(s.payloadError(err))}
	}
	request := hex.EncodeToString(o.sum.Sum(nil))
	wait, cancel := context.WithTimeout(ctx, s.tuned().Idempotency.InProgressWait())
	defer cancel()
	for {
		rec, revision, err := s.Store.Idempotency(ctx, o.key)
		switch {
		case errors.Is(err, state.ErrNotFound):
			s.Metrics.idempotency.WithLabelValues("miss").Inc()
			o.resume, o.open, o.again = nil, false, nil
			o.claim = s.newClaim(c, request, revision)
			return nil
		case err != nil:
			return err
		case rec.Request != request:
			s.Metrics.idempotency.WithLabelValues("conflict").Inc()
			return answered{reply.Error(apierr.New(apierr.MiroirIdempotencyKeyReused,
				"The idempotency key was used for another request before."))}
		case rec.State == state.IdemDone:
			s.Metrics.idempotency.WithLabelValues("dedup").Inc()
			return answered{s.replay(c, rec)}
		}
		mine, err := s.takeOver(ctx, c, rec)
		if err != nil || mine {
			if mine {
				o.claim = s.newClaim(c, request, revision)
			}
			return err
		}
		if s.Store.IdempotencyChanged(wait, o.key, revision) != nil {
			s.Metrics.idempotency.WithLabelValues("in_progress").Inc()
			r := reply.Error(apierr.New(apierr.MiroirIdempotencyBusy, "The first request with this idempotency key is still being answered. Try again later."))
			r.Header.Set("Retry-After", "1")
			return answered{r}
		}
	}
}

func (s *Service) newClaim(c *call, request string, revision int64) *state.Claim {
	return &state.Claim{
		Key: c.once.key, Revision: revision, TTL: s.tuned().Idempotency.TTL(),
		Record: state.Idempotency{
			Request: request, State: state.IdemPending, Owner: s.ID, Since: s.Started,
			Deadline: s.time().Add(s.Limits.WriteLeg + s.Limits.State + 5*time.Second),
		},
	}
}

// takeOver decides about a request that was not answered for good: whether this one goes on with it, because nobody is at
// it any more. Where its task has what it needs without anybody's help the answer is known.
func (s *Service) takeOver(ctx context.Context, c *call, rec state.Idempotency) (mine bool, err error) {
	var old task.Record
	if rec.Task != nil {
		old, err = s.Store.Task(ctx, *rec.Task)
		switch {
		case errors.Is(err, state.ErrNotFound):
			old = task.Record{UID: *rec.Task}
		case err != nil:
			return false, err
		case old.Done() && !refusedByQuorum(old), !old.Done() && endsByItself(old):
			s.Metrics.idempotency.WithLabelValues("dedup").Inc()
			return false, answered{marked(enqueued(old))}
		}
	}
	if rec.State == state.IdemPending && s.time().Before(rec.Deadline) {
		present, err := s.Store.Gateways(ctx)
		if err != nil {
			return false, err
		}
		if owner, ok := present[rec.Owner]; ok && owner.StartedAt.Equal(rec.Since) {
			return false, nil
		}
	}
	s.Metrics.idempotency.WithLabelValues("takeover").Inc()
	c.once.resume, c.once.open, c.once.again = nil, false, nil
	switch {
	case rec.Task == nil:
	case !old.Done():
		c.once.resume, c.once.open = &old, old.V != 0
	case changesDocuments(old.Type) && s.time().Sub(old.Stamp.Time()) < sameWrite:
		c.once.again = &old
	}
	return true, nil
}

// sameWrite is how long after a write that too few copies took the same request goes on with it. Nodes put operations in
// order for two minutes; later than that it is a write of its own.
const sameWrite = time.Minute

func changesDocuments(kind string) bool {
	return kind == task.DocumentAddition || kind == task.DocumentEdition || kind == task.DocumentDeletion
}

// refusedByQuorum says whether a task ended because too few copies took its write: the request was answered with 503, and
// may be sent again.
func refusedByQuorum(r task.Record) bool {
	return r.Error != nil && r.Error.Code == apierr.MiroirNoQuorum
}

// endsByItself says whether an open task needs nothing more from a gateway: a coordinator sees to it.
func endsByItself(r task.Record) bool {
	switch r.Type {
	case task.IndexDeletion, task.TaskCancelation, task.TaskDeletion, task.DumpCreation, task.SnapshotCreation, task.IndexCompaction:
		return true
	case task.SettingsUpdate:
		return len(r.Targets) == 0
	}
	return false
}

// enqueued is the answer of a request that made a task.
func enqueued(r task.Record) *reply.Reply {
	if r.Type == task.TaskCancelation || r.Type == task.TaskDeletion {
		return reply.Value(http.StatusOK, summarize(r))
	}
	return reply.Value(http.StatusAccepted, summarize(r))
}

// taskIn is the uid of the task that an answer names.
func taskIn(r *reply.Reply) (uid uint32, ok bool) {
	var t struct {
		TaskUID *uint32 `json:"taskUid"`
	}
	if json.Unmarshal(r.Body, &t) != nil || t.TaskUID == nil {
		return 0, false
	}
	return *t.TaskUID, true
}

// marked says that an answer was given before.
func marked(r *reply.Reply) *reply.Reply {
	r.Header.Set(reply.HeaderReplayed, "true")
	return r
}

// replay is the answer that was given before.
func (s *Service) replay(c *call, rec state.Idempotency) *reply.Reply {
	switch {
	case len(rec.Body) == 0:
		return marked(reply.Empty(rec.Status))
	case c.op.Kind == operation.CreateKey || c.op.Kind == operation.UpdateKey:
		return marked(s.replayKey(rec))
	case c.op.Kind == operation.CreateWebhook || c.op.Kind == operation.UpdateWebhook:
		return marked(s.replayWebhook(c, rec))
	}
	return marked(reply.JSON(rec.Status, rec.Body))
}

// identify gives a new task its uid, or that of the attempt that it goes on with.
func (s *Service) identify(ctx context.Context, c *call, r *task.Record) error {
	if err := s.leaveTarget(ctx, c); err != nil {
		return err
	}
	if c.once != nil && c.once.resume != nil {
		old := c.once.resume
		r.UID = old.UID
		if c.once.open {
			r.EnqueuedAt, r.Stamp = old.EnqueuedAt, old.Stamp
		}
		return nil
	}
	if c.once != nil && c.once.again != nil {
		r.Dispatch, r.Stamp = c.once.again.DispatchID(), c.once.again.Stamp
	}
	uid, err := s.Store.NextTaskUID(ctx)
	r.UID = uid
	return err
}

// regain makes sure that what a write goes on with was written to the same index. Nodes that have the earlier attempt would take
// the later one for it: an index that was made anew since needs a write of its own.
func (s *Service) regain(ctx context.Context, c *call, r *task.Record, physical string) error {
	if c.once == nil {
		return nil
	}
	if a := c.once.again; a != nil && a.Physical != physical {
		c.once.again = nil
		r.Dispatch, r.Stamp = "", 0
	}
	if !c.once.open || c.once.resume.Physical == physical {
		return nil
	}
	old := *c.once.resume
	old.Finish(s.time(), meili.IndexNotFound(c.op.Index))
	if _, err := s.Store.FinishTask(ctx, old); err != nil {
		return err
	}
	c.once.resume, c.once.open = nil, false
	r.EnqueuedAt, r.Stamp = c.now, 0
	return s.identify(ctx, c, r)
}

// record commits a task with the claim of its request.
func (s *Service) record(ctx context.Context, c *call, r *task.Record) error {
	// A client that leaves must not leave it open whether its request is on record.
	return s.commit(ctx, c, r, func(with state.Receipt) error { return s.Store.RecordTask(context.WithoutCancel(ctx), with) })
}

// commit commits an effect with its task and the claim of its request. A request that lost its key to another one meanwhile
// finds out what that came to.
func (s *Service) commit(ctx context.Context, c *call, r *task.Record, effect func(with state.Receipt) error) error {
	r.V = task.Version
	for {
		receipt := state.Receipt{Task: *r, Claim: s.claimFor(c, *r), By: c.by()}
		var err error
		switch {
		case c.once == nil || !c.once.open:
			err = effect(receipt)
		case r.Done():
			if err = s.Store.PutClaim(ctx, receipt.Claim); err == nil {
				_, err = s.Store.FinishTask(ctx, *r)
			}
		default:
			receipt.Task.Targets = union(c.once.resume.Targets, r.Targets)
			r.Targets = receipt.Task.Targets
			err = s.Store.ResumeTask(ctx, receipt)
		}
		if !errors.Is(err, state.ErrHeld) {
			c.moved = errors.Is(err, state.ErrAliasMoved)
			return err
		}
		if err := s.begin(ctx, c); err != nil {
			return err
		}
		if err := s.identify(ctx, c, r); err != nil {
			return err
		}
	}
}

// union is the targets of two attempts at a write. A node that is in both is what it is in the second.
func union(old, now []task.Target) []task.Target {
	all := append([]task.Target(nil), now...)
	for _, t := range old {
		known := false
		for _, n := range now {
			known = known || n.Node == t.Node
		}
		if !known {
			all = append(all, t)
		}
	}
	return all
}

// claimFor is the claim of a request that makes a task; nil for one without a key. What needs no more than its record is
// done with it.
func (s *Service) claimFor(c *call, r task.Record) *state.Claim {
	if c.once == nil {
		return nil
	}
	claim := c.once.claim
	claim.Record.Task = &r.UID
	if r.Done() || endsByItself(r) && r.Type != task.IndexDeletion {
		answer := enqueued(r)
		fill(claim, answer.Status, answer.Body)
	}
	return claim
}

// settled notes how a request with a key was answered, if that is not noted yet: for good, or so that the next one goes on
// with it. What was refused as wrong has left nothing behind, and its key is new again.
func (s *Service) settled(ctx context.Context, c *call, r *reply.Reply) {
	if c.once == nil || !c.once.claim.Committed() || c.once.claim.Record.State == state.IdemDone || r.Route != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.State)
	defer cancel()
	claim := c.once.claim
	var err error
	switch {
	case r.Status >= http.StatusInternalServerError:
		claim.Record.State = state.IdemRetryable
		err = s.Store.PutClaim(ctx, claim)
	case r.Status >= http.StatusBadRequest:
		err = s.Store.DropClaim(ctx, claim)
	default:
		fill(claim, r.Status, r.Body)
		err = s.Store.PutClaim(ctx, claim)
	}
	if err != nil && !errors.Is(err, state.ErrHeld) {
		// The next request with the key finds the task, and goes on with it.
		s.Log.Warn().Ctx(ctx).Err(err).Msg("answer not kept for its idempotency key")
	}
}

// fill makes a claim one of a request that was answered for good.
func fill(claim *state.Claim, status int, body json.RawMessage) {
	claim.Record.State, claim.Record.Status, claim.Record.Body = state.IdemDone, status, body
}

// effect runs a change that is one transaction and makes no task, with the claim of its request. done completes the claim
// with the answer; nil leaves that to the change.
func (s *Service) effect(ctx context.Context, c *call, done func(*state.Claim), change func(state.Effect) error) error {
	if err := s.begin(ctx, c); err != nil {
		return err
	}
	for {
		var receipt state.Receipt
		if c.once != nil {
			receipt.Claim = c.once.claim
			done(receipt.Claim)
		}
		err := change(s.Store.With(receipt))
		if !errors.Is(err, state.ErrHeld) {
			return err
		}
		if err := s.begin(ctx, c); err != nil {
			return err
		}
	}
}

// hold is begin for a request whose effect is more than one transaction: its claim is recorded first.
func (s *Service) hold(ctx context.Context, c *call) error {
	return s.effect(ctx, c, func(*state.Claim) {}, func(state.Effect) error {
		if c.once == nil {
			return nil
		}
		return s.Store.PutClaim(ctx, c.once.claim)
	})
}
