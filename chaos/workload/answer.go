package workload

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/chaos/history"
)

// read puts an answer into the record of its request.
func read(o *history.Op, answer []byte) error {
	switch o.Kind {
	case history.Get:
		return readDocuments(o, []json.RawMessage{answer})
	case history.List, history.Search:
		return readList(o, answer)
	case history.Flip:
		var spread struct {
			Propagated bool
			Acked      int
		}
		err := json.Unmarshal(answer, &spread)
		// A gateway that has lost its lease is not waited for, and reads on as long as it may.
		o.Late = !spread.Propagated || spread.Acked == 0
		return err
	case history.Show, history.Follow:
		var ix struct{ PrimaryKey string }
		err := json.Unmarshal(answer, &ix)
		o.Identity = ix.PrimaryKey
		return err
	}
	var info struct{ TaskUID *int64 }
	if err := json.Unmarshal(answer, &info); err != nil {
		return err
	}
	if info.TaskUID == nil {
		return fmt.Errorf("no taskUid in %s", answer)
	}
	o.Task = *info.TaskUID + 1
	return nil
}

func readList(o *history.Op, answer []byte) error {
	var page struct {
		Results, Hits     []json.RawMessage
		Total, TotalHits  int
		FacetDistribution map[string]map[string]int
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return err
	}
	o.Total = page.Total + page.TotalHits
	for _, n := range page.FacetDistribution[history.Group] {
		o.Counted += n
	}
	return readDocuments(o, append(page.Results, page.Hits...))
}

func readDocuments(o *history.Op, list []json.RawMessage) error {
	o.Found = map[string]history.Document{}
	for _, raw := range list {
		id, d, err := ReadDocument(raw)
		if err != nil {
			return err
		}
		if _, ok := o.Found[id]; ok {
			o.Twice = append(o.Twice, id)
		}
		o.Found[id] = d
	}
	return nil
}

// ReadDocument reads a document as clients see it. Fields that a plan does not write are an error.
func ReadDocument(raw json.RawMessage) (id string, d history.Document, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", nil, err
	}
	if err := json.Unmarshal(fields["id"], &id); err != nil {
		return "", nil, fmt.Errorf("id of %s: %w", raw, err)
	}
	delete(fields, "id")
	d = history.Document{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(history.Fields(), name) {
			return "", nil, fmt.Errorf("%s shows a field that nobody wrote: %s", id, name)
		}
		var value int64
		if err := json.Unmarshal(fields[name], &value); err != nil {
			return "", nil, err
		}
		d[name] = value
	}
	return id, d, nil
}
