package adminapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/coordinator/workflow/antientropy"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/state"
)

// passes notes what is asked for.
type passes struct {
	asked   []antientropy.Input
	refusal error
	repairs bool
}

func (p *passes) Request(_ context.Context, in antientropy.Input) (antientropy.Status, error) {
	p.asked = append(p.asked, in)
	return antientropy.Status{WorkflowID: "verify." + in.ID(), State: workflow.Running}, p.refusal
}

func (p *passes) Status(_ context.Context, id string) (antientropy.Status, error) {
	if id != "deep" {
		return antientropy.Status{}, state.ErrNotFound
	}
	return antientropy.Status{WorkflowID: "verify.deep", State: workflow.Succeeded, Verdict: antientropy.Equal}, nil
}

func (p *passes) List(ctx context.Context) ([]antientropy.Status, error) {
	s, err := p.Status(ctx, "deep")
	return []antientropy.Status{s}, err
}

func (p *passes) Schedule() antientropy.Schedule {
	return antientropy.Schedule{Enabled: true, Repairs: p.repairs}
}

func (p *passes) Repairs(_ context.Context, index string, since time.Time, limit int) (antientropy.Log, error) {
	if index == "nobody" {
		return antientropy.Log{}, apierr.New(apierr.IndexNotFound, "Index `nobody` not found.")
	}
	m := nodeapi.Mended{At: since, Index: index, ID: strconv.Itoa(limit), Rule: "R5"}
	return antientropy.Log{Results: []antientropy.Repaired{{Node: "a", Mended: m}}, Missing: []string{"b"}}, nil
}

// F8: the log of repairs.
func TestF8RepairsRoute(t *testing.T) {
	f := newFixture(t)
	for query, want := range map[string]string{
		"": `{"results":[{"node":"a","at":"0001-01-01T00:00:00Z","index":"","shard":0,"document":"100","rule":"R5","version":[0,0]}],"missing":["b"]}`,
		"?index=x&since=2026-11-26T02:00:00Z&limit=7": `{"results":[{"node":"a","at":"2026-11-26T02:00:00Z","index":"x","shard":0,"document":"7","rule":"R5","version":[0,0]}],"missing":["b"]}`,
	} {
		if w := f.send("GET", "/_miroir/anti-entropy/repairs"+query, "X-Admin-Key", key); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for query, want := range map[string]int{"?since=yesterday": 400, "?limit=0": 400, "?limit=x": 400, "?index=nobody": 404} {
		if w := f.send("GET", "/_miroir/anti-entropy/repairs"+query, "X-Admin-Key", key); w.Code != want {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	if w := f.send("GET", "/_miroir/anti-entropy/repairs"); w.Code != http.StatusUnauthorized {
		t.Errorf("without a key: %d", w.Code)
	}
}

// F8: verify only tells unless it is asked to repair; a run repairs when the schedule does.
func TestF8VerifyRoutes(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		path, body string
		auto       bool
		want       antientropy.Input
	}{
		{"verify", "", true, antientropy.Input{}},
		{"verify", `{"index":"x","deep":true}`, true, antientropy.Input{Index: "x", Deep: true}},
		{"verify", `{"repair":true,"documents_per_second":9}`, false, antientropy.Input{Repair: true, Rate: 9}},
		{"anti-entropy/run", `{"index":"x","shards":"0"}`, true, antientropy.Input{Index: "x", Shards: "0", Repair: true}},
		{"anti-entropy/run", "", false, antientropy.Input{}},
	} {
		f.passes = passes{repairs: c.auto}
		w := f.post("POST", "/_miroir/"+c.path, "application/json", c.body)
		var got antientropy.Status
		if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != http.StatusAccepted || err != nil || got.State != workflow.Running || len(f.passes.asked) != 1 || f.passes.asked[0] != c.want {
			t.Errorf("%s %s: %d %s, asked for %+v", c.path, c.body, w.Code, w.Body, f.passes.asked)
		}
	}
	if w := f.post("POST", "/_miroir/verify", "application/json", `[`); w.Code != http.StatusBadRequest {
		t.Errorf("no JSON: %d", w.Code)
	}
	f.passes.refusal = apierr.New(apierr.IndexNotFound, "no")
	if w := f.post("POST", "/_miroir/verify", "application/json", ""); code(w) != apierr.IndexNotFound || w.Code != http.StatusNotFound {
		t.Errorf("refused: %d %s", w.Code, w.Body)
	}
	f.passes.refusal = state.ErrUnavailable
	if w := f.post("POST", "/_miroir/verify", "application/json", ""); code(w) != apierr.MiroirStateUnavailable {
		t.Errorf("without a store: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/_miroir/verify/deep", "/_miroir/verify/verify.deep"} {
		var got antientropy.Status
		if f.get(t, path, http.StatusOK, &got); got.Verdict != antientropy.Equal {
			t.Errorf("%s: %+v", path, got)
		}
	}
	f.get(t, "/_miroir/verify/light", http.StatusNotFound, nil)
	var list struct{ Results []antientropy.Status }
	if f.get(t, "/_miroir/verify", http.StatusOK, &list); len(list.Results) != 1 {
		t.Errorf("%+v", list)
	}
	var about struct {
		Enabled bool
		Passes  []antientropy.Status
	}
	if f.get(t, "/_miroir/anti-entropy/status", http.StatusOK, &about); !about.Enabled || len(about.Passes) != 1 {
		t.Errorf("%+v", about)
	}
}
