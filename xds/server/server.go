package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/miroir-search/miroir/xds/ir"
	"github.com/miroir-search/miroir/xds/snapshot"
	"github.com/miroir-search/miroir/xds/translate"
)

// everyone is the key in the snapshot cache of all Envoys but those with an address of their own. No node id has a space.
const everyone = "all others"

const (
	// handOver bounds how long a new snapshot may wait for streams to take it.
	handOver = 5 * time.Second
	// drain bounds how long ending streams may take.
	drain = 2 * time.Second
	// A connection that says nothing is asked after keepaliveTime and given up keepaliveTimeout later, so that a
	// vanished Envoy leaves the ledger.
	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 5 * time.Second
	minClientPing    = 5 * time.Second
)

// ErrServed is returned by a second Serve.
var ErrServed = errors.New("xds server was started before")

// NodeStatus is one connected Envoy.
type NodeStatus struct {
	Acked  int64 // revision it works by, 0 before the first
	Nacked int64 // revision it refused and has not been given something better since, else 0
}

// Server publishes snapshots to Envoys.
type Server struct {
	log     zerolog.Logger
	metrics *metrics
	own     map[string]netip.AddrPort
	keeper  snapshot.Keeper
	cache   cachev3.SnapshotCache
	ledger  *ledger

	publishing sync.Mutex // keeps the order of snapshots the same in keeper, ledger and cache
	served     atomic.Bool
}

// New builds a server that has nothing to say yet: Envoys that connect wait for the first Publish. The Envoys in own, by
// node id, serve clients at an address of their own, as several on one machine have to; otherwise all get the same.
func New(log zerolog.Logger, reg prometheus.Registerer, own map[string]netip.AddrPort) (*Server, error) {
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	return &Server{
		log:     log,
		metrics: m,
		own:     own,
		cache:   cachev3.NewSnapshotCache(true, keys{own}, nil),
		ledger:  newLedger(),
	}, nil
}

// keys says which snapshot an Envoy gets.
type keys struct{ own map[string]netip.AddrPort }

// ID implements cachev3.NodeHash.
func (k keys) ID(node *corev3.Node) string {
	if _, ok := k.own[node.GetId()]; ok {
		return node.GetId()
	}
	return everyone
}

// Publish makes a configuration the one that every Envoy gets, under the revision it was derived from. On any error the
// last good one stays.
func (s *Server) Publish(cfg ir.Config, revision int64) error {
	next, err := build(cfg, revision)
	if err != nil {
		return s.reject(revision, err)
	}
	own := make(map[string]*snapshot.Snapshot, len(s.own))
	for node, at := range s.own {
		cfg.Ingress.Address, cfg.Ingress.Port = at.Addr().String(), at.Port()
		if own[node], err = build(cfg, revision); err != nil {
			return s.reject(revision, fmt.Errorf("for %s: %w", node, err))
		}
	}
	return s.publish(next, own)
}

func build(cfg ir.Config, revision int64) (*snapshot.Snapshot, error) {
	res, err := translate.Translate(cfg)
	if err != nil {
		return nil, fmt.Errorf("translate revision %d: %w", revision, err)
	}
	built, err := snapshot.Build(res, revision)
	if err != nil {
		return nil, fmt.Errorf("build snapshot of revision %d: %w", revision, err)
	}
	return built, nil
}

// publish hands a snapshot out, and what single Envoys get in its place. Those differ in their address alone, so that the
// one for all stands for them wherever two revisions are compared.
func (s *Server) publish(next *snapshot.Snapshot, own map[string]*snapshot.Snapshot) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	fresh, err := s.keeper.Offer(next)
	if err != nil {
		return s.reject(next.Revision(), fmt.Errorf("publish snapshot: %w", err))
	}
	if !fresh {
		return nil
	}
	s.ledger.publish(next, own)
	s.metrics.version.Set(float64(next.Revision()))
	ctx, cancel := context.WithTimeout(context.Background(), handOver)
	defer cancel()
	errs := []error{s.cache.SetSnapshot(ctx, everyone, next.Cached())}
	for node, snapshot := range own {
		errs = append(errs, s.cache.SetSnapshot(ctx, node, snapshot.Cached()))
	}
	if err := errors.Join(errs...); err != nil {
		// The cache holds it: streams that could not take it now get it with their next request.
		return fmt.Errorf("hand revision %d to streams: %w", next.Revision(), err)
	}
	s.log.Debug().Int64("revision", next.Revision()).Msg("xds snapshot published")
	return nil
}

func (s *Server) reject(revision int64, err error) error {
	s.metrics.rejected.WithLabelValues(rejectedFor(err)).Inc()
	s.log.Error().Err(err).Int64("revision", revision).Msg("xds snapshot rejected")
	return err
}

// Revision is the current snapshot's, 0 before the first.
func (s *Server) Revision() int64 {
	if current := s.keeper.Current(); current != nil {
		return current.Revision()
	}
	return 0
}

// Acked gives, for each Envoy connected to this server, the highest revision it is known to work by.
func (s *Server) Acked() map[string]int64 {
	nodes := s.ledger.nodes()
	out := make(map[string]int64, len(nodes))
	for node, status := range nodes {
		out[node] = status.Acked
	}
	return out
}

// Nodes gives the state of each Envoy connected to this server.
func (s *Server) Nodes() map[string]NodeStatus { return s.ledger.nodes() }

// Changes returns a channel that is closed at the next change of Nodes, Acked or Revision. Ask for it before looking.
func (s *Server) Changes() <-chan struct{} { return s.ledger.changes() }

// Serve answers Envoys until the context ends. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if !s.served.CompareAndSwap(false, true) {
		return ErrServed
	}
	streams, stopStreams := context.WithCancel(ctx)
	defer stopStreams()
	control := serverv3.NewServer(streams, s.cache, s.callbacks(), sotwv3.WithOrderedADS())
	server := grpc.NewServer(
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}),
	)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, control)

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve xds: %w", err)
	case <-ctx.Done():
	}
	// The streams end with the context; what does not end in time is cut.
	cut := time.AfterFunc(drain, server.Stop)
	defer cut.Stop()
	server.GracefulStop()
	if err := <-failed; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve xds: %w", err)
	}
	return nil
}

func formatRevision(revision int64) string { return strconv.FormatInt(revision, 10) }
