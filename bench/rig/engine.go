package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/bench/machine"
	"github.com/miroir-search/miroir/dev/supervise"
	"github.com/miroir-search/miroir/internal/freeport"
	"github.com/miroir-search/miroir/internal/parts"
)

// key is known to everybody who reads this: all of it is on loopback and goes when the benchmark ends.
const key = "miroir-bench-master-key"

const (
	startTime = time.Minute
	stopTime  = 20 * time.Second
)

// engineName names the process of the engine that stands alone.
const engineName = "engine"

// Engine is one engine that holds everything.
type Engine struct {
	Place
	Version    string
	Real       bool // a Meilisearch, not the project's own engine
	folder     string
	supervisor *supervise.Supervisor
}

// StartEngine starts one. It may use all processors for indexing, unlike the engines of a cluster, which share them.
func StartEngine(ctx context.Context, program parts.Engine) (_ *Engine, err error) {
	folder, err := os.MkdirTemp("", "miroir-bench-engine-")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{Real: program.Real, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.supervisor, err = supervise.New(supervise.Options{RunDir: e.runDir(), LogDir: filepath.Join(folder, "log"), Log: zerolog.Nop()}); err != nil {
		return nil, err
	}
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	e.Place = Place{Name: engineName, URL: "http://" + address, Key: key}
	err = e.supervisor.Start(supervise.Process{
		Name: engineName, Path: program.Path,
		Args: []string{
			"--http-addr", address, "--db-path", filepath.Join(folder, "db"), "--env", "production", "--no-analytics",
			"--dump-dir", filepath.Join(folder, "dumps"), "--snapshot-dir", filepath.Join(folder, "snapshots"),
		},
		Env: append(os.Environ(), "MEILI_MASTER_KEY="+key, "MEILI_LOG_LEVEL=WARN",
			"MEILI_MAX_INDEXING_THREADS="+strconv.Itoa(runtime.NumCPU())),
	})
	if err != nil {
		return nil, err
	}
	return e, e.await(ctx)
}

// await returns when the engine answers.
func (e *Engine) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("engine: not ready after %s", startTime))
	defer cancel()
	again := time.NewTicker(pollEvery)
	defer again.Stop()
	var version struct{ PkgVersion string }
	for e.Call(ctx, http.MethodGet, "/version", "", nil, &version) != nil {
		if err := e.supervisor.Check(0); err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	e.Version = version.PkgVersion
	return nil
}

func (e *Engine) runDir() string { return filepath.Join(e.folder, "run") }

// Processes lists the engine's one process.
func (e *Engine) Processes() ([]machine.Process, error) { return machine.FromPidFiles(e.runDir()) }

// Close ends the engine and removes its data.
func (e *Engine) Close() error {
	if e.supervisor != nil {
		e.supervisor.Stop(context.Background(), stopTime, engineName)
		e.supervisor.Close()
	}
	return os.RemoveAll(e.folder)
}
