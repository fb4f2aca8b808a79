package ctl

import (
	"fmt"
	"strings"
	"testing"
)

// passDocument is what the coordinator says about a pass.
func passDocument(state, verdict string, done int) string {
	return fmt.Sprintf(`{"workflow_id":"verify.deep.movies","status_url":"/_miroir/verify/deep.movies","state":%q,"verdict":%q,"deep":true,
		"shards_total":8,"shards_done":%d,"shards_compared":7,"shards_incomplete":1,"documents":900,"mismatches":3,"repaired":1,"unsettled":2,
		"created_at":"2026-11-25T10:00:00Z","updated_at":"2026-11-25T10:00:02Z",
		"uneven":[{"index":"movies","shard":5,"copies":[{"node":"node-0","state":"complete","documents":9},{"node":"node-1","state":"dirty","documents":0}],
		"mismatches":3,"repaired":1,"rules":{"R1":2,"R5":1},"parked":{"horizon":1}}]}`, state, verdict, done)
}

// CT-4: verify waits for the end of the pass and tells the verdict by its exit code, 4 for everything but equal copies.
func TestVerify(t *testing.T) {
	for verdict, want := range map[string]int{"equal": 0, "mismatch": exitDegraded, "incomplete": exitDegraded} {
		r := record(t, map[string]string{
			"POST /_miroir/verify":            passDocument("running", "", 0),
			"GET /_miroir/verify/deep.movies": passDocument("succeeded", verdict, 8),
		})
		code, out, errs := typed(t, r, "", "verify", "--deep", "--index", "movies", "--docs-per-sec", "50")
		if code != want || r.requests[0] != `POST /_miroir/verify {"index":"movies","deep":true,"repair":false,"documents_per_second":50}` {
			t.Errorf("%s: exit code %d, %v, %s", verdict, code, r.requests, errs)
		}
		for _, part := range []string{"deep.movies", verdict, "8/8", "900", "node-0:9 node-1:dirty", "R1:2 R5:1", "horizon:1", "2s"} {
			if !strings.Contains(out, part) {
				t.Errorf("%s is not told: %s", part, out)
			}
		}
		if want != 0 && !strings.Contains(errs, "not all copies are proved equal: "+verdict) {
			t.Errorf("%s", errs)
		}
	}
	r := record(t, map[string]string{"POST /_miroir/verify": passDocument("running", "", 0)})
	if code, out, errs := typed(t, r, "", "verify", "--detach", "-o", "json"); code != 0 || out != passDocument("running", "", 0)+"\n" || len(r.requests) != 1 {
		t.Errorf("detached: %d %s %s", code, out, errs)
	}
	if code, _, _ := typed(t, record(t, nil), "", "verify", "movies"); code != 2 {
		t.Errorf("an argument too many: exit code %d", code)
	}
	r = record(t, map[string]string{"POST /_miroir/verify": "409 " + `{"message":"no","code":"miroir_conflict"}`})
	if code, _, _ := typed(t, r, "", "verify"); code != exitConflict {
		t.Errorf("exit code %d", code)
	}
}
