package key

import (
	"testing"
	"time"
)

func TestFirstKeysAreToldFromOthers(t *testing.T) {
	for _, d := range Defaults(time.Now(), func() string { return "u" }) {
		if !IsDefault(&d) {
			t.Errorf("%s is none", *d.Name)
		}
		name := *d.Name + "!"
		renamed, expiring := d, d
		renamed.Name, expiring.ExpiresAt = &name, &d.CreatedAt
		d.Actions = []string{"version"}
		for what, r := range map[string]*Record{"renamed": &renamed, "expiring": &expiring, "other actions": &d, "empty": {}} {
			if IsDefault(r) {
				t.Errorf("%s: still one of the first", what)
			}
		}
	}
}
