package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"github.com/miroir-search/miroir/dev/cities"
	"github.com/miroir-search/miroir/dev/launch"
	"github.com/miroir-search/miroir/internal/parts"
)

// masterKey is known to everybody who reads this: the cluster is on loopback and goes when the demo ends.
const masterKey = "miroir-demo-master-key"

// demo is one run.
type demo struct {
	listen string
	once   bool
	out    io.Writer
	log    io.Writer

	cluster *launch.Cluster
	sdk     meilisearch.ServiceManager
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

// show starts a cluster on a folder of its own, does everything there is to see, and takes it down again.
func (d *demo) show(ctx context.Context) (err error) {
	archive, err := cities.Fetch(ctx)
	if err != nil {
		return err
	}
	bin, err := parts.TreeBin()
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "miroir-demo-")
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()

	d.say("Starting three nodes that hold every document twice …")
	began := time.Now()
	d.cluster, err = launch.Start(ctx, launch.Config{
		Binary: filepath.Join(bin, "miroir"), Flags: []string{"--data-dir", data, "--listen", d.listen, "--log-level", "warn"},
		Env: append(os.Environ(), "MIROIR_MASTER_KEY="+masterKey), Log: d.log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.cluster.Stop()) }()
	d.say("Ready after %.1f s at %s\n", time.Since(began).Seconds(), d.cluster.Ingress)

	d.sdk = meilisearch.New(d.cluster.Ingress, meilisearch.WithAPIKey(masterKey))
	if err := d.load(ctx, archive); err != nil {
		return err
	}
	if err := d.searchAll(ctx); err != nil {
		return err
	}
	return d.wait(ctx)
}

// wait keeps the cluster for whoever wants to try it.
func (d *demo) wait(ctx context.Context) error {
	if d.once {
		return nil
	}
	d.say("The cluster stays until Ctrl-C. Try it:\n")
	d.say(`  curl -s %s/indexes/%s/search -H 'Authorization: Bearer %s' \`, d.cluster.Ingress, indexUID, masterKey)
	d.say("       -H 'Content-Type: application/json' -d '{\"q\": \"tokio\", \"limit\": 3}'\n")
	select {
	case <-ctx.Done():
		d.say("\nStopping …")
		return nil
	case <-d.cluster.Ended():
		return errors.New("the cluster ended by itself")
	}
}
