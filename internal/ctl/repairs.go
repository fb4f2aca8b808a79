package ctl

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// repaired is what this tool reads of an entry of the log of repairs.
type repaired struct {
	At     time.Time `json:"at"`
	Node   string    `json:"node"`
	Index  string    `json:"index"`
	Shard  int       `json:"shard"`
	ID     string    `json:"document"`
	Rule   string    `json:"rule"`
	Source string    `json:"source"`
	Lost   *struct {
		Size     int `json:"size"`
		Document any `json:"document"`
	} `json:"lost"`
}

func (t *tool) repairsCommand() *cobra.Command {
	var index string
	var since time.Duration
	var limit int
	c := leaf("repairs", "List the documents that anti-entropy repaired, the newest first", "miroir-ctl repairs --index movies --since 24h", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			q := url.Values{"limit": {strconv.Itoa(limit)}, "since": {time.Now().UTC().Add(-since).Format(time.RFC3339)}}
			if index != "" {
				q.Set("index", index)
			}
			var all struct {
				Results []repaired `json:"results"`
			}
			document, err := t.do(c.Context(), http.MethodGet, "/_miroir/anti-entropy/repairs?"+q.Encode(), nil, &all)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return repairedRows(all.Results) })
		})
	c.Flags().StringVar(&index, "index", "", "only of this index")
	c.Flags().DurationVar(&since, "since", 7*24*time.Hour, "how far to look back")
	c.Flags().IntVar(&limit, "limit", 100, "most entries to list, up to 1000")
	return c
}

func repairedRows(list []repaired) [][]string {
	rows := [][]string{{"AT", "NODE", "INDEX", "SHARD", "DOCUMENT", "RULE", "WHAT", "LOST"}}
	for _, r := range list {
		what, lost := "deleted", "nothing"
		if r.Source != "" {
			what = "taken from " + r.Source
		}
		if r.Lost != nil {
			if lost = strconv.Itoa(r.Lost.Size) + " bytes"; r.Lost.Document != nil {
				lost += ", kept"
			}
		}
		rows = append(rows, []string{r.At.Format(time.RFC3339), r.Node, r.Index, strconv.Itoa(r.Shard), r.ID, r.Rule, what, lost})
	}
	return rows
}
