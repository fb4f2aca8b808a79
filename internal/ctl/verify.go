package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// pass is what this tool reads of a comparison of copies.
type pass struct {
	WorkflowID string         `json:"workflow_id"`
	StatusURL  string         `json:"status_url"`
	State      string         `json:"state"`
	Verdict    string         `json:"verdict"`
	Deep       bool           `json:"deep"`
	Repair     bool           `json:"repair"`
	Total      int64          `json:"shards_total"`
	Done       int64          `json:"shards_done"`
	Compared   int            `json:"shards_compared"`
	Incomplete int            `json:"shards_incomplete"`
	Documents  uint64         `json:"documents"`
	Mismatches int            `json:"mismatches"`
	Repaired   int            `json:"repaired"`
	Unsettled  int            `json:"unsettled"`
	Strays     int            `json:"stray_documents"`
	Removed    int            `json:"stray_removed"`
	Parked     map[string]int `json:"parked"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
	Uneven     []struct {
		Index  string `json:"index"`
		Shard  int    `json:"shard"`
		Copies []struct {
			Node      string `json:"node"`
			State     string `json:"state"`
			Documents uint64 `json:"documents"`
		} `json:"copies"`
		Mismatches int            `json:"mismatches"`
		Repaired   int            `json:"repaired"`
		Rules      map[string]int `json:"rules"`
		Parked     map[string]int `json:"parked"`
	} `json:"uneven"`
}

// errUneven is why verify fails when copies are not proved equal.
var errUneven = errors.New("not all copies are proved equal")

// verifyPause is the time between two looks at a pass.
const verifyPause = 300 * time.Millisecond

func (t *tool) verifyCommand() *cobra.Command {
	var in struct {
		Index  string `json:"index,omitempty"`
		Shards string `json:"shards,omitempty"`
		Deep   bool   `json:"deep"`
		Repair bool   `json:"repair"`
		Rate   int    `json:"documents_per_second,omitempty"`
	}
	detach := false
	c := leaf("verify", "Prove that all copies of every shard are equal; exit code 4 when they are not", "miroir-ctl verify --deep", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			var begun pass
			document, err := t.do(c.Context(), http.MethodPost, "/_miroir/verify", in, &begun)
			if err != nil {
				return err
			}
			if !detach {
				if document, begun, err = t.verified(c.Context(), begun); err != nil {
					return err
				}
			}
			if err := t.print(document, func(bool) [][]string { return begun.rows() }); err != nil {
				return err
			}
			if begun.Strays > 0 {
				t.say("%d documents stood on nodes that do not hold their shard, where nobody finds them; %d were removed", begun.Strays, begun.Removed)
			}
			if begun.State != stateRunning && begun.Verdict != "equal" {
				return lifecycle.ExitError{Code: exitDegraded, Err: fmt.Errorf("%w: %s", errUneven, begun.Verdict)}
			}
			return nil
		})
	c.Flags().StringVar(&in.Index, "index", "", "only this index")
	c.Flags().StringVar(&in.Shards, "shards", "", "only these shards of it, for instance 3,8-11")
	c.Flags().BoolVar(&in.Deep, "deep", false, "compare contents too, not only ids and versions")
	c.Flags().BoolVar(&in.Repair, "repair", false, "repair what differs, and remove documents where nobody finds them")
	c.Flags().IntVar(&in.Rate, "docs-per-sec", 0, "documents a second that a node reads (default: the coordinator's)")
	c.Flags().BoolVar(&detach, "detach", false, "do not wait for the end")
	return c
}

// verified waits for the end of a pass and shows how far it is.
func (t *tool) verified(ctx context.Context, now pass) (document json.RawMessage, ended pass, err error) {
	bar := t.newBar("shards", now.Total, unitDocuments)
	defer func() { bar.end() }()
	path := "/_miroir/verify/" + url.PathEscape(strings.TrimPrefix(now.WorkflowID, "verify."))
	for {
		if document, err = t.do(ctx, http.MethodGet, path, nil, &now); err != nil {
			return nil, now, err
		}
		if bar.total != now.Total { // it was not known before the indexes were listed
			bar.end()
			bar = t.newBar("shards", now.Total, unitDocuments)
		}
		bar.set(now.Done)
		if now.State != stateRunning {
			return document, now, nil
		}
		select {
		case <-ctx.Done():
			return nil, now, context.Cause(ctx)
		case <-time.After(verifyPause):
		}
	}
}

// rows shows a pass and the shards with which something is wrong.
func (p pass) rows() [][]string {
	verdict := p.Verdict
	if p.State == stateRunning {
		verdict = p.State
	}
	rows := [][]string{
		{"PASS", "VERDICT", "SHARDS", "COMPARED", "INCOMPLETE", "DOCUMENTS", "MISMATCHES", "REPAIRED", "UNSETTLED", "TOOK"},
		{
			strings.TrimPrefix(p.WorkflowID, "verify."), verdict, fmt.Sprintf("%d/%d", p.Done, p.Total), strconv.Itoa(p.Compared), strconv.Itoa(p.Incomplete),
			strconv.FormatUint(p.Documents, 10), strconv.Itoa(p.Mismatches), strconv.Itoa(p.Repaired), strconv.Itoa(p.Unsettled),
			p.UpdatedAt.Sub(p.CreatedAt).Round(time.Millisecond).String(),
		},
	}
	if len(p.Uneven) == 0 {
		return rows
	}
	rows = append(rows, []string{}, []string{"INDEX", "SHARD", "COPIES", "MISMATCHES", "REPAIRED", "RULES", "PARKED"})
	for _, u := range p.Uneven {
		var copies []string
		for _, c := range u.Copies {
			text := fmt.Sprintf("%s:%d", c.Node, c.Documents)
			if c.State != "complete" {
				text = c.Node + ":" + c.State
			}
			copies = append(copies, text)
		}
		rows = append(rows, []string{
			u.Index, strconv.Itoa(u.Shard), strings.Join(copies, " "), strconv.Itoa(u.Mismatches), strconv.Itoa(u.Repaired), counts(u.Rules), counts(u.Parked),
		})
	}
	return rows
}

// counts writes what was counted by name.
func counts(m map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s:%d", name, m[name]))
	}
	return strings.Join(list, " ")
}
