package meili

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// urls.jsonl holds URLs that a real 1.50 was given for a webhook, and what it found wrong with them.
func TestURLFaultsAreThoseOfMeilisearch(t *testing.T) {
	f, err := os.Open("testdata/urls.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var one struct{ URL, Fault string }
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		if got := URLFault(one.URL); got != one.Fault {
			t.Errorf("%q: %q, want %q", one.URL, got, one.Fault)
		}
	}
	if n < 200 {
		t.Errorf("only %d URLs were read", n)
	}
}
