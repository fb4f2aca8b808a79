package finisher

import (
	"context"
	"time"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
)

// orphanAge is how old a write is before anybody looks whether its gateway is still there, and lateAge how long after a write was accepted its
// gateway may still begin to send it to a node: it does so at once, and again when a connection broke. againAge is orphanAge of a write with an
// idempotency key: for a minute another gateway goes on with it when its client asks again, and later makes a write of its own.
const (
	orphanAge = 2 * time.Second
	lateAge   = 30 * time.Second
	againAge  = 75 * time.Second
)

// orphan is a write that nobody would send any more if its gateway were gone.
type orphan struct {
	physical string
	write    nodeapi.Written
	sender   task.Sender
	late     bool // not even a gateway that lives sends it any more
}

// orphans lists the writes among some tasks that may be orphans. Nodes journal the creation of an index like a write of no documents.
func (l *ledger) orphans(uids []uint32, now time.Time) map[uint32]orphan {
	list := map[uint32]orphan{}
	for _, uid := range uids {
		r := &l.items[uid].rec
		switch r.Type {
		case task.DocumentAddition, task.DocumentEdition, task.DocumentDeletion, task.IndexCreation:
		default:
			continue
		}
		if r.Sender == nil || r.Stamp == 0 {
			continue
		}
		age, least := now.Sub(r.EnqueuedAt), orphanAge
		if r.Sender.Again {
			least = againAge
		}
		if age > least {
			list[uid] = orphan{
				physical: r.Physical, write: nodeapi.Written{Dispatch: r.DispatchID(), Stamp: r.Stamp}, sender: *r.Sender,
				late: age > lateAge && !r.Sender.Again,
			}
		}
	}
	return list
}

// gone says whether a gateway is not there any more; one that was started anew is another one.
func gone(s task.Sender, present map[string]state.GatewayRecord) bool {
	g, ok := present[s.Gateway]
	return !ok || !g.StartedAt.Equal(s.Since)
}

// disown makes a node refuse the orphans that it does not know, and notes in its answers of which it has promised that: a gateway died while
// it sent them, or gave up when the store did not answer, and what it sent may lie in some buffer. Without that promise a node could take them
// for minutes yet.
func (f *Finisher) disown(ctx context.Context, node, address string, answers map[uint32]Answer, orphans map[uint32]orphan) {
	for uid := range orphans {
		if !answers[uid].Unknown {
			delete(orphans, uid)
		}
	}
	if len(orphans) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	present, err := f.Store.Gateways(ctx)
	if err != nil {
		f.Log.Debug().Err(err).Msg("gateways not known")
		return
	}
	byIndex := map[string][]nodeapi.Written{}
	uids := map[string]uint32{}
	for uid, o := range orphans {
		if o.late || gone(o.sender, present) {
			byIndex[o.physical] = append(byIndex[o.physical], o.write)
			uids[o.write.Dispatch] = uid
		}
	}
	for physical, writes := range byIndex {
		q := nodeapi.DisownQuery{Index: physical, Writes: writes}
		never, err := client.Disown(ctx, f.Nodes, address, q, askTimeout)
		if err != nil {
			f.Log.Debug().Err(err).Str("node", node).Msg("node did not say which writes it will never take")
			continue
		}
		for _, write := range never {
			if uid, asked := uids[write]; asked {
				answers[uid] = Answer{Unknown: true, Never: true}
			}
		}
	}
}
