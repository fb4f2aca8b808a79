package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// FamilyActivity starts the keys of what people did.
const FamilyActivity = "activity/"

// activityLife is how long it is remembered.
const activityLife = 90 * 24 * time.Hour

// Activity is activity/<ms>-<id>: something that somebody did by the admin API. It holds no secret and no body.
type Activity struct {
	V         int       `json:"v"`
	Name      string    `json:"-"` // sorts by time
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"`  // whose key it was
	Action    string    `json:"action"` // method and path as the table has them
	Target    string    `json:"target"` // the path as it was asked
	RequestID string    `json:"request_id"`
	Status    int       `json:"status"` // of the answer
}

// AppendActivity remembers something for 90 days.
func (c *Client) AppendActivity(ctx context.Context, a Activity) error {
	lease, err := c.bucketLease(ctx, FamilyActivity, activityLife, time.Now())
	if err != nil {
		return err
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	a.V = 1
	op, err := putOp(c.key(FamilyActivity, activityName(a.At), "-", hex.EncodeToString(id)), a, clientv3.WithLease(lease))
	if err != nil {
		return err
	}
	_, err = c.commit(ctx, "append activity", nil, []clientv3.Op{op}, nil)
	return err
}

// activityName is the beginning of the name of what was done at a time, thirteen digits of milliseconds.
func activityName(at time.Time) string { return fmt.Sprintf("%013d", max(0, at.UnixMilli())) }

// Activities lists what was done since a time, the newest first: those before the named one, which is empty at first, and no more
// than most.
func (c *Client) Activities(ctx context.Context, since time.Time, before string, most int) ([]Activity, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*c.op)
	defer cancel()
	prefix := c.key(FamilyActivity)
	end := clientv3.GetPrefixRangeEnd(prefix)
	if before != "" {
		end = prefix + before
	}
	res, err := c.etcd.Get(ctx, prefix+activityName(since), clientv3.WithRange(end), clientv3.WithLimit(int64(most)),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return nil, unavailable("list activity", err)
	}
	list := make([]Activity, 0, len(res.Kvs))
	for _, kv := range res.Kvs {
		a := Activity{Name: strings.TrimPrefix(string(kv.Key), prefix)}
		if err := json.Unmarshal(kv.Value, &a); err != nil || a.V != 1 {
			continue // of another version
		}
		list = append(list, a)
	}
	return list, nil
}

// TrimActivity forgets what was done longest ago while there is more than most.
func (c *Client) TrimActivity(ctx context.Context, most int) (kept, dropped int, err error) {
	return c.trim(ctx, FamilyActivity, most, func([]byte) bool { return true })
}
