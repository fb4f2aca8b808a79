package etcdserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// memberName is the member's name in its own data; changing it would orphan existing data.
const memberName = "miroir"

// startTime bounds how long a member may take until it serves. Replaying a large log takes a while.
const startTime = 60 * time.Second

// Options of one member. URLs are http://host:port; port 0 is refused, a member must be found again after a restart.
type Options struct {
	DataDir      string
	ListenClient string
	ListenPeer   string
	Log          *zap.Logger // nil logs nothing

	// NoSync leaves out fsync: a crash of the machine may lose data. For tests only.
	NoSync bool
}

// Server is a running member.
type Server struct {
	etcd *embed.Etcd
}

// Start starts a member on new or existing data and returns when it serves clients.
func Start(ctx context.Context, o Options) (*Server, error) {
	config, err := o.config()
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	server := &Server{etcd: etcd}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case <-etcd.Server.ReadyNotify():
		return server, nil
	case err = <-etcd.Err():
	case <-etcd.Server.StopNotify():
		err = errors.New("the member stopped while it started")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	server.Stop()
	return nil, fmt.Errorf("start etcd: %w", err)
}

// Endpoint is the URL that clients use.
func (s *Server) Endpoint() string { return s.etcd.Config().ListenClientUrls[0].String() }

// Wait blocks until ctx ends, which is no error, or the member fails.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.etcd.Err():
		return fmt.Errorf("etcd: %w", err)
	case <-s.etcd.Server.StopNotify():
		return errors.New("etcd: the member stopped by itself")
	}
}

// Stop ends the member in order. All data is on disk when it returns.
func (s *Server) Stop() { s.etcd.Close() }

func (o Options) config() (*embed.Config, error) {
	client, errClient := listenURL("client", o.ListenClient)
	peer, errPeer := listenURL("peer", o.ListenPeer)
	if err := errors.Join(errClient, errPeer); err != nil {
		return nil, err
	}
	if o.DataDir == "" {
		return nil, errors.New("no data directory")
	}
	// etcd complains about a directory that others may read.
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	log := o.Log
	if log == nil {
		log = zap.NewNop()
	}
	config := embed.NewConfig()
	config.Name = memberName
	config.Dir = o.DataDir
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	config.InitialCluster = memberName + "=" + peer.String()
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(log)
	config.UnsafeNoFsync = o.NoSync
	// History is only needed by watches that lost their connection; an hour covers any restart.
	config.AutoCompactionMode = embed.CompactorModePeriodic
	config.AutoCompactionRetention = "1h"
	return config, nil
}

func listenURL(what, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.Port() == "0" || u.Path != "" {
		return nil, fmt.Errorf("%s address %q is not http://host:port", what, raw)
	}
	return u, nil
}
