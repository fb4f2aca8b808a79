package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// ErrLostLeadership says that somebody else may lead the scope now.
var ErrLostLeadership = errors.New("leadership lost")

// Leadership is the exclusive right to work on a scope. It ends with its session, or by Resign.
type Leadership struct {
	client   *Client
	key      string // etcd key of the election
	revision int64  // its create revision: the fencing token
	election *concurrency.Election
	session  *concurrency.Session
	ctx      context.Context //nolint:containedctx // leadership is a context: it ends when leadership does
	cancel   context.CancelCauseFunc
}

// electionRecord is elections/<scope>/<lease>: a candidate.
type electionRecord struct {
	V      int       `json:"v"`
	Holder string    `json:"holder"`
	Since  time.Time `json:"since"` // when it became a candidate
}

// Campaign waits until this holder leads the scope, or ctx ends. The lease's time to live is ttlSeconds. Scopes are independent of
// each other.
func (c *Client) Campaign(ctx context.Context, scope, holder string, ttlSeconds int) (*Leadership, error) {
	session, err := c.electionSession(ctx, ttlSeconds)
	if err != nil {
		return nil, unavailable("open election session", err)
	}
	election := concurrency.NewElection(session, c.key("elections/", scope))
	value, err := json.Marshal(electionRecord{1, holder, time.Now().UTC()})
	if err != nil {
		_ = c.endSession(ctx, session)
		return nil, fmt.Errorf("encode candidate: %w", err)
	}
	if err := c.stand(ctx, election, string(value)); err != nil {
		_ = c.endSession(ctx, session)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, unavailable("campaign", err)
	}
	lead, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	l := &Leadership{
		client: c, key: election.Key(), revision: election.Rev(), election: election, session: session, ctx: lead, cancel: cancel,
	}
	go func() {
		select {
		case <-session.Done():
			cancel(ErrLostLeadership)
		case <-lead.Done():
		}
	}()
	return l, nil
}

// electionSession makes a lease and keeps it alive until the session ends.
func (c *Client) electionSession(ctx context.Context, ttlSeconds int) (*concurrency.Session, error) {
	granting, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	lease, err := c.etcd.Grant(granting, int64(ttlSeconds))
	if err != nil {
		return nil, err
	}
	return concurrency.NewSession(c.etcd, concurrency.WithLease(lease.ID), concurrency.WithContext(context.WithoutCancel(ctx)))
}

// stand waits until a candidate is elected. Whoever gives up while the store is away is not held by the election, which takes its
// candidate back without any bound of time: the end of the session does that as well.
func (c *Client) stand(ctx context.Context, election *concurrency.Election, value string) error {
	elected := make(chan error, 1)
	go func() { elected <- election.Campaign(ctx, value) }()
	select {
	case err := <-elected:
		return err
	case <-ctx.Done():
	}
	patience := time.NewTimer(c.op)
	defer patience.Stop()
	select {
	case err := <-elected:
		return err
	case <-patience.C:
		return context.Cause(ctx)
	}
}

// endSession ends a session, and its lease at once where the store can be reached; else the lease runs out by itself.
func (c *Client) endSession(ctx context.Context, session *concurrency.Session) error {
	session.Orphan()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.op)
	defer cancel()
	_, err := c.etcd.Revoke(ctx, session.Lease())
	return unavailable("end election session", err)
}

// Leader is who leads a scope now; ErrNotFound when nobody does.
func (c *Client) Leader(ctx context.Context, scope string) (holder string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	// The oldest of the candidates' keys leads.
	res, err := c.etcd.Get(ctx, c.key("elections/", scope, "/"), clientv3.WithFirstCreate()...)
	if err != nil {
		return "", unavailable("ask for the leader", err)
	}
	if len(res.Kvs) == 0 {
		return "", ErrNotFound
	}
	var rec electionRecord
	if err := json.Unmarshal(res.Kvs[0].Value, &rec); err != nil {
		return "", fmt.Errorf("decode leader of %s: %w", scope, err)
	}
	return rec.Holder, nil
}

// Context ends when leadership is lost or resigned.
func (l *Leadership) Context() context.Context { return l.ctx }

// Token is the fencing token: it grows with every new leader of the scope.
func (l *Leadership) Token() int64 { return l.revision }

// Resign gives the scope up at once.
func (l *Leadership) Resign(ctx context.Context) error {
	l.cancel(context.Canceled)
	resigning, cancel := context.WithTimeout(ctx, l.client.op)
	defer cancel()
	err := l.election.Resign(resigning)
	return errors.Join(unavailable("resign", err), l.client.endSession(ctx, l.session))
}

// guard is the comparison that holds while this leadership does.
func (l *Leadership) guard() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(l.key), "=", l.revision)
}

// WorkflowStore keeps workflow records, written only by the leader of their scope.

// Workflow reads a workflow record as raw JSON with its revision; ErrNotFound when there is none.
func (c *Client) Workflow(ctx context.Context, kind, id string) (value []byte, revision int64, err error) {
	return c.get(ctx, c.key("workflows/", kind, "/", id))
}

// Workflows lists all records of a kind, by id.
func (c *Client) Workflows(ctx context.Context, kind string) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	prefix := c.key("workflows/", kind, "/")
	res, err := c.etcd.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, unavailable("list workflows", err)
	}
	out := make(map[string][]byte, len(res.Kvs))
	for _, kv := range res.Kvs {
		out[string(kv.Key[len(prefix):])] = kv.Value
	}
	return out, nil
}

// PutWorkflow commits a workflow record while the leadership holds and the record has the expected revision (0: it must
// not exist). ErrLostLeadership or ErrConflict otherwise. It returns the record's new revision.
func (l *Leadership) PutWorkflow(ctx context.Context, kind, id string, record any, expected int64) (int64, error) {
	key := l.client.key("workflows/", kind, "/", id)
	op, err := putOp(key, record)
	if err != nil {
		return 0, err
	}
	cmp := absent(key)
	if expected > 0 {
		cmp = unchanged(key, expected)
	}
	revision, err := l.write(ctx, "put workflow "+kind, cmp, op)
	if err == nil && revision == 0 {
		err = fmt.Errorf("put workflow %s: %w", kind, ErrConflict)
	}
	return revision, err
}

// write commits an operation while the leadership and a comparison hold, and returns the revision: 0 when the comparison does
// not. ErrLostLeadership when the leadership does not.
func (l *Leadership) write(ctx context.Context, what string, cmp clientv3.Cmp, op clientv3.Op) (revision int64, err error) {
	res, err := l.client.commit(ctx, what, []clientv3.Cmp{l.guard(), cmp}, []clientv3.Op{op}, []clientv3.Op{clientv3.OpGet(l.key)})
	if err != nil {
		return 0, err
	}
	if res.Succeeded {
		return res.Header.Revision, nil
	}
	if kvs := res.Responses[0].GetResponseRange().Kvs; len(kvs) == 0 || kvs[0].CreateRevision != l.revision {
		return 0, fmt.Errorf("%s: %w", what, ErrLostLeadership)
	}
	return 0, nil
}
