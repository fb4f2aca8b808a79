package adminapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// taskRow is a task in a list: what it is and how far it came, without what its client sent.
type taskRow struct {
	task.Record
	Op    *struct{} `json:"op,omitempty"`
	Nodes int       `json:"nodes"`
}

// tasks lists tasks, newest first. The cursor is the uid of the last task of the page before.
func (s *Server) tasks(w http.ResponseWriter, r *http.Request) *apierr.Error {
	limit, after, e := page(r)
	if e != nil {
		return e
	}
	below := uint64(1) << 32
	if after != "" {
		var err error
		if below, err = strconv.ParseUint(after, 10, 32); err != nil {
			return apierr.New(apierr.BadRequest, "The parameter `cursor` must be one that an answer gave.")
		}
	}
	q := r.URL.Query()
	filter := task.Filter{Statuses: words(q.Get("status")), Types: words(q.Get("type")), IndexUIDs: words(q.Get("index"))}
	out := struct {
		Results []taskRow `json:"results"`
		Cursor  string    `json:"cursor,omitempty"`
	}{Results: []taskRow{}}
	s.TaskList.Each(false, func(t *task.Record) bool {
		if uint64(t.UID) >= below || !filter.Match(t) {
			return true
		}
		if len(out.Results) == limit {
			out.Cursor = strconv.FormatUint(uint64(out.Results[limit-1].UID), 10)
			return false
		}
		row := taskRow{Record: *t, Nodes: len(t.Targets)}
		row.Targets = nil
		out.Results = append(out.Results, row)
		return true
	})
	return answer(w, out)
}

// words splits a list; nil for an empty one.
func words(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
