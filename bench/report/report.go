package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/miroir-search/miroir/bench/machine"
	"github.com/miroir-search/miroir/bench/micro"
)

// Version of the JSON form; it grows when a field changes its meaning.
const Version = 1

// Report is one run.
type Report struct {
	Version  int                 `json:"version"`
	Started  time.Time           `json:"started"`
	Seconds  float64             `json:"seconds"`
	Command  []string            `json:"command"`
	Miroir   string              `json:"miroir"` // what was built, as git describes it
	Engine   Engine              `json:"engine"`
	Machine  machine.Description `json:"machine"`
	Workload Workload            `json:"workload"`
	Passages []Passage           `json:"passages"`
	Loads    []Load              `json:"loads"`
	Searches []Level             `json:"searches"`
	Slow     []Slow              `json:"slow,omitempty"`
	Work     []Work              `json:"work"`
	Memory   []Peaks             `json:"memory"`
	Micro    []micro.Result      `json:"micro"`
	Refused  int                 `json:"refused"` // answers that were no result, in the whole run
	Refusals []string            `json:"refusals,omitempty"`
	Answers  []Answers           `json:"answers"`
}

// Engine says what the nodes are.
type Engine struct {
	Version string `json:"version"`
	Real    bool   `json:"real"` // a Meilisearch, not the project's own engine
}

// Workload is what was asked of whom.
type Workload struct {
	Documents int    `json:"documents"`
	Nodes     int    `json:"nodes"`
	Shards    int    `json:"shards"`
	Queries   int    `json:"queries"` // different searches
	Rounds    int    `json:"rounds"`
	Seed      uint64 `json:"seed"`
}

// Load is one way of bringing documents in, for the engine and for the cluster.
type Load struct {
	Copies    int    `json:"rf"`
	Format    string `json:"format"`
	Batch     int    `json:"batch"` // documents in a request
	Clients   int    `json:"clients"`
	Documents int    `json:"documents"`
	Engine    Intake `json:"engine"`
	Cluster   Intake `json:"cluster"`
	// Gateway is its processor time in milliseconds for a MB of payload.
	Gateway float64 `json:"gatewayCPUMillisecondsPerMB"`
}

// Intake is how a place took documents in.
type Intake struct {
	Accepted   float64 `json:"acceptedSeconds"`
	Searchable float64 `json:"searchableSeconds"`
	PerSecond  float64 `json:"documentsPerSecond"` // searchable ones
}

// Answers compares what the cluster answers with what the engine answers.
type Answers struct {
	Copies  int `json:"rf"`
	Hits    int `json:"hits"`
	Queries int `json:"queries"`
	Same    int `json:"sameNumberOfHits"`
}

// Peaks is the most memory that each process held during some phase, in MiB.
type Peaks struct {
	Phase     string             `json:"phase"`
	Copies    int                `json:"rf"`
	Processes map[string]float64 `json:"processes"`
}

// Work is what one search costs the cluster.
type Work struct {
	Copies int                `json:"rf"`
	Hits   int                `json:"hits"`
	Allocs map[string]float64 `json:"allocations"`    // objects a search by part
	Bytes  map[string]float64 `json:"allocatedBytes"` // bytes a search by part
}

// Save writes the report as JSON; folders are made.
func (r *Report) Save(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("save report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("save report: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("save report: %w", err)
	}
	return nil
}
