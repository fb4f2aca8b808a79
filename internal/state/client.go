package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// Errors of the stores.
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("changed by someone else")
	ErrUnavailable = errors.New("state store unavailable")
	ErrTooLarge    = errors.New("value larger than 1 MiB")
)

// maxValue bounds what is written under one key (ET-1).
const maxValue = 1 << 20

// Options say where the cluster's state is. Zero durations and an empty prefix or cluster take their defaults.
type Options struct {
	Endpoints   []string
	Prefix      string        // default /miroir
	Cluster     string        // default "default"
	DialTimeout time.Duration // default 3 s
	OpTimeout   time.Duration // default 2 s, for each single request
}

// Client is one process's connection to the cluster's state. It is safe for concurrent use.
type Client struct {
	etcd   *clientv3.Client
	root   string
	op     time.Duration
	seq    sequence
	leases leases
	origin standing // where the store stood when this was opened
}

// Open connects. It returns an error when no endpoint answers within the dial timeout, and ErrSchema for the state of a
// newer program.
func Open(ctx context.Context, o Options) (*Client, error) {
	o = o.withDefaults()
	if len(o.Endpoints) == 0 {
		return nil, errors.New("open state: no etcd endpoint")
	}
	etcd, err := clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, DialTimeout: o.DialTimeout, DialKeepAliveTime: 10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second, Context: context.WithoutCancel(ctx), Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	c := &Client{etcd: etcd, root: strings.TrimSuffix(o.Prefix, "/") + "/" + o.Cluster + "/", op: o.OpTimeout}
	probe, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	res, err := etcd.Get(probe, c.root+KeySchema)
	if err != nil {
		_ = etcd.Close()
		return nil, fmt.Errorf("open state: no answer from etcd: %w", errors.Join(ErrUnavailable, err))
	}
	c.origin = standingOf(res.Header)
	for _, kv := range res.Kvs {
		if err := readable(kv.Value); err != nil {
			_ = etcd.Close()
			return nil, fmt.Errorf("open state: %w", err)
		}
	}
	return c, nil
}

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "/miroir"
	}
	if o.Cluster == "" {
		o.Cluster = "default"
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 3 * time.Second
	}
	if o.OpTimeout == 0 {
		o.OpTimeout = 2 * time.Second
	}
	return o
}

// Close ends the connection. Leases of open sessions run out by themselves.
func (c *Client) Close() error { return c.etcd.Close() }

// Ping asks the store for anything, linearizably: an error means that writes do not work now.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	_, err := c.etcd.Get(ctx, c.root+KeySchema, clientv3.WithKeysOnly())
	return unavailable("ping", err)
}

func (c *Client) key(parts ...string) string { return c.root + strings.Join(parts, "") }

// commit runs one transaction under the operation timeout.
func (c *Client) commit(ctx context.Context, what string, ifs []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	failpoint.Before("state", what)
	res, err := c.etcd.Txn(ctx).If(ifs...).Then(then...).Else(otherwise...).Commit()
	if err != nil {
		return nil, unavailable(what, err)
	}
	failpoint.After("state", what)
	return res, nil
}

// get reads one key; ErrNotFound when it does not exist.
func (c *Client) get(ctx context.Context, key string) (value []byte, modRevision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	res, err := c.etcd.Get(ctx, key)
	if err != nil {
		return nil, 0, unavailable("get", err)
	}
	if len(res.Kvs) == 0 {
		return nil, 0, ErrNotFound
	}
	return res.Kvs[0].Value, res.Kvs[0].ModRevision, nil
}

// newestRevision is the revision of the newest record of a family, 0 when there is none.
func (c *Client) newestRevision(ctx context.Context, family string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.op)
	defer cancel()
	res, err := c.etcd.Get(ctx, c.key(family), append(clientv3.WithLastRev(), clientv3.WithPrefix(), clientv3.WithKeysOnly())...)
	if err != nil {
		return 0, unavailable("find newest", err)
	}
	if len(res.Kvs) == 0 {
		return 0, nil
	}
	return res.Kvs[0].ModRevision, nil
}

// amend changes a record by compare-and-swap. change may be called again with a newer record and refuses by an error,
// which is returned. ErrNotFound when there is no record.
func amend[R any](ctx context.Context, c *Client, key string, decode func([]byte) (R, error), change func(*R) error) (R, error) {
	return amendClaimed(ctx, c, key, nil, decode, change)
}

// amendClaimed is amend with the claim of the request that asks for it. change may complete the claim.
func amendClaimed[R any](
	ctx context.Context, c *Client, key string, claim *Claim, decode func([]byte) (R, error), change func(*R) error,
) (R, error) {
	for {
		var rec R
		value, rev, err := c.get(ctx, key)
		if err != nil {
			return rec, err
		}
		if rec, err = decode(value); err != nil {
			return rec, err
		}
		if err := change(&rec); err != nil {
			return rec, err
		}
		done, err := c.writeClaimed(ctx, key, rec, unchanged(key, rev), claim)
		if err != nil || done {
			return rec, err
		}
	}
}

// putOp is the operation that writes a record under a full key.
func putOp(key string, record any, opts ...clientv3.OpOption) (clientv3.Op, error) {
	value, err := rawjson.Marshal(record)
	if err != nil {
		return clientv3.Op{}, fmt.Errorf("encode %T: %w", record, err)
	}
	if len(value) > maxValue {
		return clientv3.Op{}, fmt.Errorf("encode %T: %w", record, ErrTooLarge)
	}
	return clientv3.OpPut(key, string(value), opts...), nil
}

func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, errors.Join(ErrUnavailable, err))
}

func absent(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), "=", 0) }

func present(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), ">", 0) }

func unchanged(key string, modRevision int64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(key), "=", modRevision)
}
