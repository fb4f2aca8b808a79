package adminapi

import (
	"net/http"
	"strings"

	"github.com/miroir-search/miroir/coordinator/detect"
	"github.com/miroir-search/miroir/coordinator/view"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
)

// topologyView answers GET /_miroir/topology.
type topologyView struct {
	Shards         int          `json:"shards"`             // of a new index
	Replicas       int          `json:"replication_factor"` // of the first active group
	Groups         int          `json:"replica_groups"`
	Revision       int64        `json:"revision"`
	Nodes          []nodeView   `json:"nodes"`
	Indexes        []indexShape `json:"indexes"`
	Degraded       int          `json:"degraded_node_count"`
	Rebalancing    bool         `json:"rebalance_in_progress"`
	FullyCovered   bool         `json:"fully_covered"`
	UncoveredParts []view.Gap   `json:"uncovered,omitempty"`
}

// nodeView is a node in answers.
type nodeView struct {
	ID            string      `json:"id"`
	Group         int         `json:"group"`
	Address       string      `json:"address"`
	Status        view.Status `json:"status"`
	State         string      `json:"state"` // desired
	Shards        int         `json:"shard_count"`
	LastSeenMS    *int64      `json:"last_seen_ms"` // null: never seen alive by this coordinator
	EngineVersion string      `json:"engine_version,omitempty"`
	TasksInFlight int         `json:"tasks_in_flight"`
	Error         string      `json:"error,omitempty"`
}

// indexShape is an index in the topology.
type indexShape struct {
	UID      string `json:"uid"`
	Physical string `json:"physical"`
	Shards   int    `json:"shards"`
	Settings uint64 `json:"settings_version"`
}

func (s *Server) topology(w http.ResponseWriter, _ *http.Request) *apierr.Error {
	snap := s.Snapshot()
	v := snap.Routing
	t := topologyView{
		Shards: v.Cluster.Shards, Groups: len(v.ActiveGroups()), Revision: v.Epoch, Nodes: s.nodeViews(snap),
		Indexes: []indexShape{}, FullyCovered: snap.FullyCovered(), UncoveredParts: snap.Gaps(),
	}
	if active := v.ActiveGroups(); len(active) > 0 {
		t.Replicas = v.Group(active[0]).RF
	}
	for _, n := range t.Nodes {
		if n.Status == view.StatusFailed || n.Status == view.StatusSuspect || n.Status == view.StatusCatchingUp {
			t.Degraded++
		}
	}
	for _, uid := range v.UIDs {
		ix := v.Indexes[uid]
		t.Indexes = append(t.Indexes, indexShape{uid, ix.Physical, ix.Shards, ix.SettingsVersion})
	}
	return answer(w, t)
}

// nodeViews lists all nodes but removed ones, by id.
func (s *Server) nodeViews(snap view.Snapshot) []nodeView {
	held, busy := snap.Copies(), snap.InFlight()
	list := []nodeView{}
	for _, n := range snap.Nodes() {
		if n.State != routing.NodeRemoved {
			list = append(list, s.nodeView(n, snap.Status(n), held[n.ID], busy[n.ID]))
		}
	}
	return list
}

func (s *Server) nodeView(n routing.Node, status view.Status, held, busy int) nodeView {
	out := nodeView{
		ID: n.ID, Group: n.ReplicaGroup, Address: n.Address, Status: status, State: string(n.State), Shards: held,
		EngineVersion: n.EngineVersion, TasksInFlight: busy,
	}
	if ago, seen := s.Sightings.Since(n.ID); seen {
		ms := ago.Milliseconds()
		out.LastSeenMS = &ms
	}
	switch {
	case out.Status == view.StatusFailed && !n.Alive:
		out.Error = "the sidecar holds no lease"
	case out.Status == view.StatusFailed:
		out.Error = "the engine does not answer"
	case out.Status == view.StatusSuspect:
		out.Error = "the engine missed a probe"
	}
	return out
}

func (s *Server) nodes(w http.ResponseWriter, _ *http.Request) *apierr.Error {
	return answer(w, struct {
		Results []nodeView `json:"results"`
	}{s.nodeViews(s.Snapshot())})
}

func (s *Server) node(w http.ResponseWriter, r *http.Request) *apierr.Error {
	snap := s.Snapshot()
	n, ok := snap.Routing.Nodes[r.PathValue("id")]
	if !ok {
		return apierr.New(apierr.MiroirNotFound, "There is no such node.")
	}
	return answer(w, s.nodeView(n, snap.Status(n), snap.Copies()[n.ID], snap.InFlight()[n.ID]))
}

func (s *Server) problems(w http.ResponseWriter, _ *http.Request) *apierr.Error {
	list := detect.Problems(s.Snapshot())
	if list == nil {
		list = []detect.Problem{}
	}
	return answer(w, struct {
		Results []detect.Problem `json:"results"`
	}{list})
}

// ready says whether clients can be served: the cluster is formed, some group is complete, every index is covered. The
// reason is one word.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) *apierr.Error {
	reason := s.readiness()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if reason != "ready" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write([]byte(reason + "\n"))
	return nil
}

func (s *Server) readiness() string {
	if err := s.Healthy(); err != nil {
		return strings.ReplaceAll(err.Error(), " ", "_")
	}
	snap := s.Snapshot()
	if !snap.Formed() {
		return "forming"
	}
	for _, p := range detect.Problems(snap) {
		if p.Kind == detect.GroupShort || p.Kind == detect.NodeAdmissible {
			return "forming"
		}
	}
	if !snap.FullyCovered() {
		return "uncovered"
	}
	return "ready"
}
