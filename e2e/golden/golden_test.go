package golden

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/testkit/golden"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// IN-1, TE-3: a client can't tell a cluster of three nodes from the node that was recorded.
func TestIngressAnswersAsRecorded(t *testing.T) {
	lone := node.Start(t, node.Options{})
	cluster, err := provider.StartLocal(t.Context(), "../..", provider.Options{Nodes: 3, Groups: 1, Replicas: 2, Shards: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})

	// Both at once: each spends most of its time waiting for tasks.
	var own []golden.Played
	ownEnd := make(chan error, 1)
	go func() {
		var err error
		own, err = golden.Play(t.Context(), golden.Target{URL: lone.URL, MasterKey: lone.MasterKey})
		ownEnd <- err
	}()
	played, err := golden.Play(t.Context(), golden.Target{URL: cluster.URL(), MasterKey: cluster.MasterKey()})
	if err := errors.Join(err, <-ownEnd); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, played, own, filepath.Join("known", string(lone.Kind)+".json"))
}
