package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
	"github.com/miroir-search/miroir/gateway/plan/candidate"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Warning is something about a search that its client may want to know.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail"`
}

// Codes of warnings for everyone.
const (
	NotFilterable   = "attribute_not_filterable"
	NotSortable     = "attribute_not_sortable"
	DeepPagination  = "deep_pagination"
	Unbounded       = "unbounded_query"
	NotNarrowed     = "narrowing_not_possible"
	OverFetchLow    = "over_fetch_lowered"
	FacetsCapped    = "facet_values_capped"
	DistinctBound   = "distinct_counts_upper_bound"
	WideAlias       = "wide_alias_fan_out"
	MixedSettings   = "mixed_settings_versions"
	PartialCoverage = "partial_coverage"
	NoCover         = "no_cover"
)

// Codes of warnings for administrators: they tell of the inside of the cluster.
const (
	SettingsDrift    = "settings_drift_detected"
	ReplicaExcluded  = "replica_excluded"
	GroupQuarantined = "group_quarantined"
	BelowFloor       = "node_below_settings_floor"
)

// Codes lists all codes, the values of a label.
func Codes() []string {
	return []string{
		NotFilterable, NotSortable, DeepPagination, Unbounded, NotNarrowed, OverFetchLow, FacetsCapped, DistinctBound, WideAlias,
		MixedSettings, PartialCoverage, NoCover, SettingsDrift, ReplicaExcluded, GroupQuarantined, BelowFloor,
	}
}

// Bounds from which a search is warned of.
const (
	deepWindow  = 1000
	wideTargets = 8
)

// Warnings are those of a planned search. Only administrators are told of nodes and copies.
func Warnings(in Input, admin bool) []Warning {
	w := &warnings{}
	w.attributes(in)
	w.size(in)
	w.coverage(in)
	w.alias(in)
	w.settings(in, admin)
	if admin {
		w.copies(in)
		w.floor(in)
	}
	return w.list
}

type warnings struct{ list []Warning }

func (w *warnings) add(code string, detail any, format string, args ...any) {
	w.list = append(w.list, Warning{Code: code, Message: fmt.Sprintf(format, args...), Detail: detail})
}

func (w *warnings) attributes(in Input) {
	for _, field := range candidate.Fields(in.Query.Filter) {
		if !in.Settings.Filterable(field) {
			w.add(NotFilterable, field, "The attribute `%s` is not filterable: the nodes will refuse the search.", field)
		}
	}
	for _, by := range in.Query.Sort {
		field := sortField(by)
		if field != "" && !in.Settings.Sortable(field) {
			w.add(NotSortable, field, "The attribute `%s` is not sortable: the nodes will refuse the search.", field)
		}
	}
	if in.Narrowing.Narrowed || in.Index.PrimaryKey == "" {
		return
	}
	if slices.Contains(candidate.Fields(in.Query.Filter), in.Index.PrimaryKey) {
		w.add(NotNarrowed, string(in.Narrowing.Reason), "The filter looks at the primary key, and yet all shards are asked.")
	}
}

// sortField is the attribute of a sort criterion; `_geo` for distances.
func sortField(by string) string {
	if strings.HasPrefix(by, "_geoPoint(") {
		return "_geo"
	}
	at := strings.LastIndexByte(by, ':')
	return by[:max(at, 0)]
}

func (w *warnings) size(in Input) {
	q := in.Query
	if n := in.Search.Window(); n > deepWindow {
		w.add(DeepPagination, n, "Every leg returns the whole window of %d hits.", n)
	}
	if strings.TrimSpace(q.Query) == "" && q.Vector == nil && !q.Has("media") && len(q.Filter) == 0 {
		w.add(Unbounded, nil, "Without words, a vector and a filter every document matches.")
	}
	if in.Lowered {
		w.add(OverFetchLow, in.Search.OverFetched(), "The over-fetch factor was lowered to %d, for legs to stay within their bound.", in.Search.OverFetched())
	}
	if len(in.Read.Legs) < 2 {
		return
	}
	for _, facet := range q.Facets {
		order, own := in.Settings.Facets.SortBy[facet]
		if !own {
			order = in.Settings.Facets.SortBy["*"]
		}
		if order == merge.FacetCount {
			w.add(FacetsCapped, in.Settings.Facets.EngineCap,
				"The values of `%s` are ordered by count: with more than %d of them some may be missing.", facet, in.Settings.Facets.EngineCap)
		}
	}
	if in.Search.CountsApproximate() {
		w.add(DistinctBound, nil, "With `distinct` the total is an upper bound.")
	}
}

func (w *warnings) coverage(in Input) {
	missing := shardmap.FormatRanges(in.Read.Missing)
	switch {
	case len(in.Read.Legs) == 0:
		w.add(NoCover, missing, "No shard of the index can be read.")
	case len(in.Read.Missing) > 0:
		w.add(PartialCoverage, missing, "No live copy of shards %s can be read.", missing)
	}
}

func (w *warnings) alias(in Input) {
	if a := in.Alias; a != nil && len(a.Targets) > wideTargets {
		w.add(WideAlias, len(a.Targets), "The alias stands for %d indexes, which are all searched.", len(a.Targets))
	}
}

func (w *warnings) settings(in Input, admin bool) {
	versions := map[uint64]bool{}
	var drifted []string
	for _, l := range in.Read.Legs {
		shown, ok := in.Index.Shown[l.Node]
		if !ok {
			continue
		}
		versions[shown.Version] = true
		if in.Index.SettingsHash != "" && shown.Hash != in.Index.SettingsHash {
			drifted = append(drifted, l.Node)
		}
	}
	if len(versions) > 1 {
		w.add(MixedSettings, len(versions), "The nodes were seen to show %d versions of the settings.", len(versions))
	}
	if admin && len(drifted) > 0 {
		w.add(SettingsDrift, drifted, "Nodes show other settings than were committed: %s.", strings.Join(drifted, ", "))
	}
}

// copies names copies that are not read from, and why.
func (w *warnings) copies(in Input) {
	for _, g := range in.View.Groups {
		if g.State != routing.GroupActive {
			w.add(GroupQuarantined, g.ID, "Group %d takes no reads: it is %s.", g.ID, g.State)
			continue
		}
		for _, node := range in.Index.NodesHolding() {
			n := in.View.Nodes[node]
			if n.ReplicaGroup != g.ID {
				continue
			}
			if why := excluded(in, node, n); why != "" {
				w.add(ReplicaExcluded, node, "Copies of node %s are not read from: %s.", node, why)
			}
		}
	}
}

// floor names nodes that are not asked because they do not show the settings that the request asks for.
func (w *warnings) floor(in Input) {
	if in.Floor == nil {
		return
	}
	for _, node := range in.Index.NodesHolding() {
		if shown := in.Index.Shown[node].Version; shown < *in.Floor {
			w.add(BelowFloor, node, "Node %s shows version %d of the settings, and at least %d is asked for.", node, shown, *in.Floor)
		}
	}
}

func excluded(in Input, node string, n routing.Node) string {
	switch {
	case !n.OK:
		return "it is down"
	case n.Suspect:
		return "its engine missed a probe"
	case in.Excluded != nil && in.Excluded(node):
		return "it answers too slowly or fails"
	}
	var dirty []int
	for s := range in.Index.Shards {
		if in.Index.Dirty(s, node) {
			dirty = append(dirty, s)
		}
	}
	if len(dirty) > 0 {
		return "those of shards " + shardmap.FormatRanges(dirty) + " missed a write"
	}
	return ""
}
