package ctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// F5: a preview shows every setting that would change, and what engines go through all documents for.
func TestF5SettingsPreview(t *testing.T) {
	r := record(t, map[string]string{
		"POST /_miroir/indexes/x/settings/preview": `{"index":"x","version":4,"changes":[{"setting":"stopWords","from":[],"to":["the"],"reindex":true}],"hash":"h","reindex":["stopWords"]}`,
	})
	file := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(file, []byte(`{"stopWords":["the"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{`{"stopWords":["the"]}`, "@" + file} {
		code, out, errs := typed(t, r, "", "settings", "preview", "x", how)
		if code != 0 || !strings.Contains(out, `stopWords  yes      []    ["the"]`) || r.last() != `POST /_miroir/indexes/x/settings/preview {"settings":{"stopWords":["the"]}}` {
			t.Errorf("%d %q\n%s\n%s", code, errs, out, r.last())
		}
	}
	if code, out, _ := typed(t, r, "", "settings", "preview", "x", "{}", "-o", "json"); code != 0 || !strings.Contains(out, `"hash"`) {
		t.Errorf("%d %s", code, out)
	}
}
