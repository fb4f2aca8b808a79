package ctl

import (
	"strings"
	"testing"
)

// F8: the log of repairs as a table.
func TestRepairs(t *testing.T) {
	const document = `{"results":[
		{"node":"node-1","at":"2026-11-26T02:00:00Z","index":"movies","shard":3,"document":"m1","rule":"R5","source":"node-0","version":[1,0],"lost":{"version":[1,0],"size":9,"document":{"id":1}}},
		{"node":"node-2","at":"2026-11-26T01:00:00Z","index":"movies","shard":3,"document":"m2","rule":"R4","version":[1,0],"lost":{"version":[1,0],"size":9}},
		{"node":"node-2","at":"2026-11-26T01:00:00Z","index":"movies","shard":3,"document":"m3","rule":"R6","source":"node-0","version":[1,0]}],"missing":[]}`
	r := record(t, map[string]string{"GET /_miroir/anti-entropy/repairs": document})
	code, out, errs := typed(t, r, "", "repairs", "--index", "movies", "--since", "1h", "--limit", "5")
	if code != 0 || !strings.Contains(r.requests[0], "index=movies&limit=5&since=20") {
		t.Fatalf("%d %s %q", code, errs, r.requests)
	}
	for _, part := range []string{"taken from node-0", "9 bytes, kept", "deleted", "nothing", "R4", "m3", "2026-11-26T02:00:00Z"} {
		if !strings.Contains(out, part) {
			t.Errorf("%s is not told: %s", part, out)
		}
	}
}
