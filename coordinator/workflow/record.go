package workflow

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
)

// Version is the schema version of Record.
const Version = 1

// maxHistory bounds the transitions kept in a record.
const maxHistory = 50

// State says whether a workflow still has something to do.
type State string

// States of a workflow.
const (
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
)

// Record is workflows/<kind>/<id>.
type Record struct {
	V         int             `json:"v"`
	Kind      string          `json:"kind"`
	ID        string          `json:"id"`
	Scope     string          `json:"scope"`
	State     State           `json:"state"`
	Phase     string          `json:"phase"` // the next step to run; empty when there is none
	Token     int64           `json:"token"` // fencing token of the leader that wrote the record last
	Progress  json.RawMessage `json:"progress,omitempty"`
	Error     *apierr.Error   `json:"error,omitempty"`
	CreatedBy string          `json:"created_by"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	History   []Transition    `json:"history,omitempty"` // the last ones, oldest first
}

// Transition is one entry into a phase.
type Transition struct {
	Phase string    `json:"phase"`
	At    time.Time `json:"at"`
	By    string    `json:"by"` // coordinator
}

// New is the record of a workflow that begins with a phase, on behalf of one coordinator.
func New[P any](kind Kind[P], id, scope, holder string, now time.Time, progress P) (Record, error) {
	r := Record{
		V: Version, Kind: kind.Name, ID: id, Scope: scope, State: Running, CreatedBy: holder, CreatedAt: now,
	}
	r.enter(kind.First, holder, now)
	return r, r.note(progress)
}

// note takes progress into the record.
func (r *Record) note(progress any) error {
	raw, err := json.Marshal(progress)
	if err != nil {
		return fmt.Errorf("workflow %s: progress: %w", r.Kind, err)
	}
	r.Progress = raw
	return nil
}

// Decode reads a record.
func Decode(value []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("decode workflow: %w", err)
	}
	if r.V != Version {
		return r, fmt.Errorf("decode workflow: version %d is unknown", r.V)
	}
	return r, nil
}

// enter notes that a phase is next, on behalf of one coordinator. A phase that a coordinator goes on with is no transition.
func (r *Record) enter(phase, by string, at time.Time) {
	goesOn := len(r.History) > 0 && r.Phase == phase && r.History[len(r.History)-1].By == by
	if r.Phase, r.UpdatedAt = phase, at; goesOn {
		return
	}
	r.History = append(r.History, Transition{Phase: phase, At: at, By: by})
	if n := len(r.History); n > maxHistory {
		r.History = r.History[n-maxHistory:]
	}
}
