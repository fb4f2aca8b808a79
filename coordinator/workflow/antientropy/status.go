package antientropy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
)

// Verdicts about a finished pass.
const (
	Equal      = "equal"
	Mismatch   = "mismatch"   // documents differ, and were not repaired
	Incomplete = "incomplete" // not all copies were compared
)

// Status is a pass as others see it.
type Status struct {
	WorkflowID string         `json:"workflow_id"`
	Kind       string         `json:"kind"`
	Scope      string         `json:"scope"`
	StatusURL  string         `json:"status_url"`
	State      workflow.State `json:"state"`
	Verdict    string         `json:"verdict,omitempty"` // of a finished one
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
	Progress
}

// statusOf reads a record.
func statusOf(rec workflow.Record) (Status, error) {
	s := Status{
		WorkflowID: KindName + "." + rec.ID, Kind: KindName, Scope: rec.Scope, StatusURL: "/_miroir/verify/" + rec.ID, State: rec.State,
		CreatedAt: rec.CreatedAt, UpdatedAt: rec.UpdatedAt,
	}
	if err := json.Unmarshal(rec.Progress, &s.Progress); err != nil {
		return s, fmt.Errorf("status of a pass: %w", err)
	}
	s.Left, s.Next, s.Expired = nil, 0, 0
	switch {
	case rec.State == workflow.Running:
	case s.Mismatches > s.Repaired:
		s.Verdict = Mismatch
	case s.Incomplete > 0:
		s.Verdict = Incomplete
	default:
		s.Verdict = Equal
	}
	return s, nil
}
