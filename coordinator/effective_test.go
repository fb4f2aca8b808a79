package coordinator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/seal"
)

// SE-3: a coordinator shows how it runs, and of its secrets only what tells them apart.
func TestSE3EffectiveConfigurationHoldsNoSecret(t *testing.T) {
	box, err := seal.New("the seal key")
	if err != nil {
		t.Fatal(err)
	}
	c := config{seal: box, id: "coordinator-0", nodeKey: "the node key", adminKey: "the admin key"}
	raw, err := json.Marshal(c.effective())
	if err != nil {
		t.Fatal(err)
	}
	if s := string(raw); strings.Contains(s, "the node") || strings.Contains(s, "the admin") || !strings.Contains(s, `"id":"coordinator-0"`) {
		t.Error(s)
	}
	if fingerprint("a") == fingerprint("b") || len(fingerprint("a")) != 8 || fingerprint("") != "" {
		t.Error(fingerprint("a"), fingerprint("b"))
	}
}
