package sidecar

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/telemetry"
	"github.com/miroir-search/miroir/sidecar/dispatch"
	"github.com/miroir-search/miroir/sidecar/fence"
	"github.com/miroir-search/miroir/sidecar/probe"
)

// leaseTime is the time to live of the node's lease (NS-1).
const leaseTime = 10 * time.Second

// memberRecord is members/sidecar/<id>.
type memberRecord struct {
	V         int       `json:"v"`
	Address   string    `json:"address"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
}

// membership holds the node's lease and tells through it how the node does.
type membership struct {
	store   *state.Client
	log     zerolog.Logger
	node    routing.NodeRecord
	started time.Time
	probe   *probe.Probe
	fence   *fence.Fence
	views   *state.ViewWatch
	table   *dispatch.Table
	acked   *ack

	mu   sync.Mutex
	held bool
}

// ack is the epoch that the sidecar acts on, and a signal that it moved.
type ack struct {
	mu    sync.Mutex
	epoch int64
	moved chan struct{}
}

func newAck(epoch int64) *ack { return &ack{epoch: epoch, moved: make(chan struct{})} }

func (a *ack) set(epoch int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if epoch != a.epoch {
		a.epoch = epoch
		close(a.moved)
		a.moved = make(chan struct{})
	}
}

func (a *ack) get() (int64, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.epoch, a.moved
}

// follow hands every view to the fence before it is acknowledged.
func (m *membership) follow(ctx context.Context) error {
	changed, cancel := m.views.Subscribe()
	defer cancel()
	for {
		v := m.views.View()
		m.fence.Observe(v)
		m.acked.set(v.Epoch)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// run keeps a session open, one after another, until ctx ends.
func (m *membership) run(ctx context.Context) error {
	for ctx.Err() == nil {
		var session *state.Session
		err := retry(ctx, m.log, "lease not granted yet", func() (err error) {
			session, err = m.store.NewSession(ctx, leaseTime)
			return err
		})
		if err != nil {
			return err
		}
		m.hold(session)
		m.report(ctx, session)
		m.hold(nil)
		if ctx.Err() == nil {
			m.log.Warn().Msg("lease lost, writes are refused until there is another")
			continue
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryLongest)
		err = session.Close(end)
		cancel()
		if err != nil && !errors.Is(err, state.ErrUnavailable) {
			return err
		}
	}
	return nil
}

func (m *membership) hold(s *state.Session) {
	m.mu.Lock()
	m.held = s != nil
	m.mu.Unlock()
	if s == nil {
		m.fence.Hold(nil)
		return
	}
	m.fence.Hold(s.Renewed)
}

// report writes the node's records whenever they change, until the session is lost or ctx ends.
func (m *membership) report(ctx context.Context, session *state.Session) {
	var written *routing.HealthRecord
	greeted := false
	for {
		r, stale := m.probe.Report()
		epoch, moved := m.acked.get()
		record := routing.HealthRecord{
			V: routing.Version, OK: r.OK && m.table.Ready(), Suspect: r.Suspect, Probes: r.Probes, EngineVersion: r.Version, Epoch: epoch, LastOK: r.LastOK,
		}
		var again <-chan time.Time
		if !greeted || written == nil || differs(*written, record) {
			err := m.write(ctx, session, record, !greeted)
			if err == nil {
				written, greeted = &record, true
			} else if ctx.Err() == nil {
				m.log.Warn().Err(err).Msg("health not reported")
				again = time.After(retryLongest)
			}
		}
		if r.OK && !record.OK {
			again = time.After(100 * time.Millisecond) // the engine's tasks are being read
		}
		select {
		case <-ctx.Done():
			return
		case <-session.Done():
			return
		case <-stale:
		case <-moved:
		case <-again:
		}
	}
}

func differs(a, b routing.HealthRecord) bool {
	return a.OK != b.OK || a.Suspect != b.Suspect || a.Epoch != b.Epoch || a.EngineVersion != b.EngineVersion
}

func (m *membership) write(ctx context.Context, session *state.Session, record routing.HealthRecord, greet bool) error {
	if greet {
		member := memberRecord{routing.Version, m.node.Address, telemetry.ReadBuild().Version, m.started}
		if err := session.Put(ctx, "members/sidecar/"+m.node.ID, member); err != nil {
			return err
		}
	}
	if record.EngineVersion != "" && record.EngineVersion != m.node.EngineVersion {
		want := m.node
		want.EngineVersion = record.EngineVersion
		node, err := m.store.RegisterNode(ctx, want)
		if err != nil {
			return err
		}
		m.node = node
	}
	return session.Put(ctx, routing.FamilyHealth+m.node.ID, record)
}

// ready says whether the node can do its work (OB-1).
func (m *membership) ready() error {
	r, _ := m.probe.Report()
	m.mu.Lock()
	held := m.held
	m.mu.Unlock()
	switch {
	case !held:
		return errors.New("no lease")
	case !r.OK:
		return errors.New("engine not available")
	case !m.table.Ready():
		return errors.New("engine tasks not read yet")
	}
	return nil
}
