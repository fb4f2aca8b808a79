//go:build dataplane

package conformance

import (
	"path/filepath"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/golden"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

func TestNodeAnswersAsRecorded(t *testing.T) {
	n := node.Start(t, node.Options{})
	played, err := golden.Play(t.Context(), golden.Target{URL: n.URL, MasterKey: n.MasterKey})
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, played, nil, filepath.Join("known", string(n.Kind)+".json"))
}
