//go:build dataplane

package conformance

import (
	"path/filepath"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/golden"
	"github.com/miroir-search/miroir/internal/testkit/node"
)

// Every recorded file begins on an empty node.
func TestNodeAnswersAsRecorded(t *testing.T) {
	for _, name := range golden.Names() {
		t.Run(name, func(t *testing.T) {
			n := node.Start(t, node.Options{})
			known := filepath.Join("known", string(n.Kind)+".json")
			golden.Check(t, golden.Target{URL: n.URL, MasterKey: n.MasterKey}, name, known)
		})
	}
}
