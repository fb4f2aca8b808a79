package report

// Slow is how searches did while one node was slow, with and without what is done about it.
type Slow struct {
	Copies      int     `json:"rf"`
	Connections int     `json:"connections"`
	Node        string  `json:"node"`    // what the slow node did
	Means       string  `json:"means"`   // what was done about it
	Figures     Figures `json:"figures"` // of the cluster
	Legs        float64 `json:"legs"`    // all that were sent
	Hedges      float64 `json:"hedges"`  // of these, because another one was late
	Share       float64 `json:"slowNodeShare"`
}

// slow prints what a slow node does to searches.
func (r *Report) slow(p printer) {
	if len(r.Slow) == 0 {
		return
	}
	p.title("One of %d nodes slow: searches through the cluster, milliseconds. Extra legs are bounded over ten seconds, longer than a turn.",
		r.Workload.Nodes)
	p.row("RF\tconn.\tthe node\tagainst it\tp50\tp95\tp99\tmax\treq/s\trefused\tlegs a search\textra legs\tlegs to the node")
	node := ""
	for _, s := range r.Slow {
		if s.Node != node && node != "" {
			p.row("")
		}
		node = s.Node
		f := s.Figures
		p.row("%d\t%d\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%d\t%.2f\t%.1f %%\t%.0f %%", s.Copies, s.Connections, s.Node, s.Means,
			f.P50, f.P95, f.P99, f.Max, f.PerSecond, f.Refused, Ratio(s.Legs, float64(f.Requests)), 100*Ratio(s.Hedges, s.Legs-s.Hedges), 100*s.Share)
	}
}
