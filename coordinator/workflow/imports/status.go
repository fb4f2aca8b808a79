package imports

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
)

// Status is an import as its callers see it.
type Status struct {
	JobID string         `json:"job_id"`
	State workflow.State `json:"state"`
	Phase string         `json:"phase"`
	// Runner is the coordinator that works on it; null while none does.
	Runner *string `json:"runner"`
	// NeedsFile says that the file must be sent, from Received on.
	NeedsFile  bool           `json:"needs_file"`
	Received   int64          `json:"received_bytes"`
	Size       int64          `json:"size_bytes"`
	Total      Count          `json:"total"`
	Sent       Count          `json:"sent"`    // accepted by the cluster
	Written    Count          `json:"written"` // and carried out
	Indexes    []PlannedIndex `json:"indexes"`
	Keys       PlannedKeys    `json:"keys"`
	Conflicts  []Conflict     `json:"conflicts"`
	Skipped    []string       `json:"skipped"`
	Rejected   int64          `json:"rejected"`
	Rejections []string       `json:"rejections"`
	Error      *apierr.Error  `json:"error"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
	StatusURL  string         `json:"status_url"`
}

// PathOf is where the admin API shows an import.
func PathOf(job string) string { return "/_miroir/dumps/import/" + job + "/status" }

// Status tells how an import is.
func (m *Importer) Status(ctx context.Context, id string) (Status, error) {
	if !jobID.MatchString(id) {
		return Status{}, notFound()
	}
	job, err := m.Spool.job(id)
	here := err == nil
	if err != nil && !errors.Is(err, errNoJob) {
		return Status{}, err
	}
	rec, p, revision, err := workflow.Load[Progress](ctx, m.Records, KindName, id)
	if err != nil {
		return Status{}, err
	}
	s := Status{JobID: id, StatusURL: PathOf(id)}
	if known := revision > 0 && (!here || p.Run == job.Run); known {
		s.fromRecord(rec, p)
	} else if here {
		s.State, s.Phase, s.Size = workflow.Running, phaseReceive, job.Size
		s.CreatedAt, s.UpdatedAt = job.CreatedAt, job.CreatedAt
		s.fromPlan(nil)
	} else {
		return Status{}, notFound()
	}
	if s.State != workflow.Running {
		return s, nil
	}
	holder, err := m.leader(ctx, id)
	if err != nil {
		return Status{}, err
	}
	if holder != "" {
		s.Runner = &holder
	}
	switch {
	case here:
		s.Received = m.Spool.received(id)
		s.NeedsFile = !m.Spool.whole(id) && holder == ""
	default:
		s.NeedsFile = holder == ""
	}
	return s, nil
}

func (s *Status) fromRecord(rec workflow.Record, p Progress) {
	s.State, s.Phase, s.Error, s.CreatedAt, s.UpdatedAt = rec.State, rec.Phase, rec.Error, rec.CreatedAt, rec.UpdatedAt
	s.Size, s.Received, s.Sent, s.Written = p.Size, p.Size, p.Sent, p.Written
	s.Rejected, s.Rejections = p.Rejected, p.Rejections
	s.fromPlan(p.Plan)
}

func (s *Status) fromPlan(p *Plan) {
	if s.Rejections == nil {
		s.Rejections = []string{}
	}
	if p == nil {
		s.Indexes, s.Conflicts, s.Skipped = []PlannedIndex{}, []Conflict{}, []string{}
		return
	}
	s.Indexes, s.Keys, s.Conflicts, s.Skipped = p.Indexes, p.Keys, p.Conflicts, p.Skipped
	for _, ix := range p.Indexes {
		s.Total.add(Count{ix.Documents, ix.Bytes})
	}
}

// List tells of all imports that are known, the newest first.
func (m *Importer) List(ctx context.Context) ([]Status, error) {
	records, err := m.Records.Workflows(ctx, KindName)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for id := range records {
		ids[id] = true
	}
	for _, j := range m.Spool.jobs() {
		ids[j.ID] = true
	}
	list := []Status{}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		s, err := m.Status(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Status) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list, nil
}
