package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/bench/machine"
	"github.com/miroir-search/miroir/bench/sink"
	"github.com/miroir-search/miroir/bench/target"
	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/freeport"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// Shape says what cluster to start.
type Shape struct {
	Nodes    int
	Replicas int
	Shards   int
	Profiles bool // serve CPU profiles
	// Sinks, if positive, is the largest body in bytes, and a sink stands before every sidecar.
	Sinks int64
}

// Cluster is a cluster of `miroir dev`.
type Cluster struct {
	Place
	Shape
	running *launch.Cluster
	folder  string
	sinks   []*sink.Sink
}

// StartCluster starts one with the binary. What it logs goes to log.
func StartCluster(ctx context.Context, binary string, s Shape, log io.Writer) (_ *Cluster, err error) {
	folder, err := os.MkdirTemp("", "miroir-bench-cluster-")
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c := &Cluster{Shape: s, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	listen, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	flags := []string{
		"--data-dir", folder, "--listen", listen, "--log-level", "warn", "--no-restart",
		"--nodes", strconv.Itoa(s.Nodes), "--replicas", strconv.Itoa(s.Replicas), "--shards", strconv.Itoa(s.Shards),
	}
	if s.Profiles {
		flags = append(flags, "--pprof")
	}
	if s.Sinks > 0 {
		more, err := c.sinkFlags()
		if err != nil {
			return nil, err
		}
		flags = append(flags, more...)
	}
	c.running, err = launch.Start(ctx, launch.Config{Binary: binary, Flags: flags, Env: append(os.Environ(), "MIROIR_MASTER_KEY="+key), Log: log})
	if err != nil {
		return nil, err
	}
	c.Place = Place{Name: "cluster", URL: c.running.Ingress, Key: key}
	return c, nil
}

// Processes lists all processes of the cluster.
func (c *Cluster) Processes() ([]machine.Process, error) {
	list, err := machine.FromPidFiles(filepath.Join(c.folder, "run"))
	return append(list, machine.Process{Name: "dev", Pid: c.running.Pid()}), err
}

// Pid is the process id of one of the cluster's processes.
func (c *Cluster) Pid(name string) (int, error) {
	list, err := c.Processes()
	if err != nil {
		return 0, err
	}
	for _, p := range list {
		if p.Name == name {
			return p.Pid, nil
		}
	}
	return 0, fmt.Errorf("cluster: there is no process %s", name)
}

// Tune changes what is set in the cluster by a JSON merge patch. It counts a moment later.
func (c *Cluster) Tune(ctx context.Context, patch string) error {
	store, err := state.Open(ctx, state.Options{Endpoints: []string{c.running.Etcd}})
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer func() { _ = store.Close() }()
	if _, err = store.SetTuning(ctx, json.RawMessage(patch)); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

// Metrics is where a process has its metrics and profiles, by its name.
func (c *Cluster) Metrics() map[string]string { return c.running.Metrics }

// Inside is what one must know to ask the legs of searches on an index.
func (c *Cluster) Inside(ctx context.Context, index string) (target.Cluster, error) {
	in := target.Cluster{Index: index, Engines: map[string]string{}}
	for _, n := range c.running.Nodes {
		in.Engines[n.ID] = n.Engine
	}
	var errs [2]error
	in.NodeKey, errs[0] = c.secret("node")
	in.EngineKey, errs[1] = c.secret("engine")
	if err := errors.Join(errs[:]...); err != nil {
		return in, err
	}
	store, err := state.Open(ctx, state.Options{Endpoints: []string{c.running.Etcd}})
	if err != nil {
		return in, fmt.Errorf("cluster: %w", err)
	}
	defer func() { _ = store.Close() }()
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	views, err := store.WatchView(watched, zerolog.Nop())
	if err != nil {
		return in, fmt.Errorf("cluster: %w", err)
	}
	in.View, err = views.Wait(watched, func(v *routing.View) bool { return v.Indexes[index] != nil })
	return in, err
}

// secret reads a key that the cluster made for itself.
func (c *Cluster) secret(name string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(c.folder, name+".key"))
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// Close ends the cluster and removes its data.
func (c *Cluster) Close() error {
	var err error
	if c.running != nil {
		err = c.running.Stop()
	}
	return errors.Join(err, c.closeSinks(), os.RemoveAll(c.folder))
}
