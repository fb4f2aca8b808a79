package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The goals of the issue that asks for the benchmark, on one machine of two cores.
const (
	goalRatio    = 1.5 // p50 of the cluster over that of one engine, at one connection
	goalOverhead = 0.8 // ms that gateway, Envoy and sidecars add to the slowest leg
)

// Print writes the tables.
func (r *Report) Print(out io.Writer) error {
	p := printer{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	r.head(p)
	r.searches(p)
	r.kinds(p)
	r.slow(p)
	r.passages(p)
	r.loads(p)
	r.work(p)
	r.memory(p)
	r.micro(p)
	r.verdict(p)
	if err := p.Flush(); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

// printer writes rows; errors surface in Flush.
type printer struct{ *tabwriter.Writer }

func (p printer) row(format string, args ...any) { _, _ = fmt.Fprintf(p, format+"\n", args...) }

// title ends the columns of the table before it.
func (p printer) title(format string, args ...any) {
	p.row("")
	_ = p.Flush()
	p.row(format, args...)
	_ = p.Flush()
}

func (r *Report) head(p printer) {
	engine := "Meilisearch " + r.Engine.Version
	if !r.Engine.Real {
		engine = "the project's own engine " + r.Engine.Version
	}
	if r.Engine.Version == "" {
		engine = "nothing"
	}
	m := r.Machine
	p.title("Miroir %s against %s, %s, %.0f s", r.Miroir, engine, r.Started.Format("2006-01-02 15:04 MST"), r.Seconds)
	p.row("%s, %d cores, %d MB, Linux %s, %s, load average %.2f at the start", m.CPU, m.Cores, m.MemoryMB, m.Kernel, m.Go, m.Load)
	w := r.Workload
	p.row("%d documents, %d nodes, %d shards, %d different searches, %d rounds, seed %d", w.Documents, w.Nodes, w.Shards, w.Queries, w.Rounds, w.Seed)
}

// parts of the processor time, in the order of a request's way.
var cpuParts = []string{"envoy", "gateway", "sidecars", "engines", "engine", "control", "bench"}

func (r *Report) searches(p printer) {
	if len(r.Searches) == 0 {
		return
	}
	p.title("Searches, milliseconds. In brackets: how many times that of one engine.")
	p.row("RF\thits\tconn.\ttarget\tp50\t\tp95\t\tp99\t\treq/s\t\tCPU/req: %s", strings.Join(cpuParts, "\t"))
	for _, l := range r.Searches {
		one := l.Figures(One)
		for _, f := range l.Targets {
			var cpu strings.Builder
			for _, part := range cpuParts {
				_, _ = fmt.Fprintf(&cpu, "\t%s", blank(f.CPU[part]))
			}
			p.row("%d\t%d\t%d\t%s\t%.2f\t%s\t%.2f\t%s\t%.2f\t%s\t%.0f\t%s%s", l.Copies, l.Hits, l.Connections, f.Target,
				f.P50, times(f, f.P50, one.P50), f.P95, times(f, f.P95, one.P95), f.P99, times(f, f.P99, one.P99),
				f.PerSecond, times(f, f.PerSecond, one.PerSecond), cpu.String())
		}
	}
}

func blank(ms float64) string {
	if ms < 0.005 {
		return "·"
	}
	return fmt.Sprintf("%.2f", ms)
}

func times(f Figures, a, one float64) string {
	if f.Target == One {
		return ""
	}
	return fmt.Sprintf("(%.2f)", Ratio(a, one))
}

func (r *Report) kinds(p printer) {
	for _, l := range r.Searches {
		if l.Connections != 1 {
			continue
		}
		p.title("By kind of search: RF %d, %d hits, one connection, p50 in ms", l.Copies, l.Hits)
		p.row("kind\tsearches\tone engine\tcluster\t\tengine legs")
		for _, k := range l.Kinds {
			p.row("%s\t%d\t%.2f\t%.2f\t(%.2f)\t%.2f", k.Kind, k.Queries, k.One, k.Cluster, Ratio(k.Cluster, k.One), k.Engines)
		}
		p.row("all of them: the cluster adds %.2f ms to the slowest engine leg, %.2f ms to the slowest sidecar leg", l.OverEngines, l.OverSidecars)
	}
}

func (r *Report) loads(p printer) {
	if len(r.Loads) == 0 {
		return
	}
	p.title("Documents coming in, until all are searchable (accepted: until the last 202)")
	p.row("RF\tformat\tbatch\tclients\tdocuments\tone engine s\taccepted\tdoc/s\tcluster s\taccepted\tdoc/s\tcluster/engine doc/s\tgateway CPU ms/MB")
	for _, l := range r.Loads {
		p.row("%d\t%s\t%d\t%d\t%d\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f", l.Copies, l.Format, l.Batch, l.Clients, l.Documents,
			l.Engine.Searchable, l.Engine.Accepted, l.Engine.PerSecond, l.Cluster.Searchable, l.Cluster.Accepted, l.Cluster.PerSecond,
			Ratio(l.Cluster.PerSecond, l.Engine.PerSecond), l.Gateway)
	}
}

func (r *Report) work(p printer) {
	if len(r.Work) == 0 {
		return
	}
	p.title("Allocations of one search (all sidecars together)")
	p.row("RF\thits\tgateway objects\tkB\tsidecars objects\tkB")
	for _, w := range r.Work {
		p.row("%d\t%d\t%.0f\t%.1f\t%.0f\t%.1f", w.Copies, w.Hits, w.Allocs["gateway"], w.Bytes["gateway"]/1e3, w.Allocs["sidecars"], w.Bytes["sidecars"]/1e3)
	}
}

func (r *Report) memory(p printer) {
	names := map[string]bool{}
	for _, m := range r.Memory {
		for name := range m.Processes {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return
	}
	columns := slices.Sorted(maps.Keys(names))
	p.title("Peak memory of every process, MiB")
	p.row("RF\tphase\t%s", strings.Join(columns, "\t"))
	for _, m := range r.Memory {
		var cells strings.Builder
		for _, name := range columns {
			_, _ = fmt.Fprintf(&cells, "\t%.0f", m.Processes[name])
		}
		p.row("%d\t%s%s", m.Copies, m.Phase, cells.String())
	}
}

func (r *Report) micro(p printer) {
	if len(r.Micro) == 0 {
		return
	}
	p.title("Go benchmarks")
	p.row("package\tbenchmark\ttime\tallocations\tbytes\ttarget")
	for _, m := range r.Micro {
		goal := ""
		if m.Target > 0 {
			goal = m.Target.String() + ", " + met(m.PerOp <= m.Target)
		}
		_, pkg, _ := strings.Cut(m.Package, "miroir/")
		p.row("%s\t%s\t%s\t%d\t%d\t%s", pkg, strings.TrimPrefix(m.Name, "Benchmark"), m.PerOp.Round(time.Nanosecond), m.AllocsPerOp, m.BytesPerOp, goal)
	}
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "MISSED"
}

func (r *Report) verdict(p printer) {
	p.title("Goals")
	for _, l := range r.Searches {
		if l.Connections != 1 {
			continue
		}
		ratio := Ratio(l.Figures(Cluster).P50, l.Figures(One).P50)
		p.row("RF %d, %d hits: p50 %.2f times one engine\tgoal %.1f\t%s", l.Copies, l.Hits, ratio, goalRatio, met(ratio <= goalRatio))
		p.row("RF %d, %d hits: %.2f ms on top of the slowest leg\tgoal %.1f\t%s", l.Copies, l.Hits, l.OverEngines, goalOverhead, met(l.OverEngines <= goalOverhead))
	}
	r.passageVerdict(p)
	for _, a := range r.Answers {
		p.row("RF %d, %d hits: %d of %d searches find as many hits as one engine", a.Copies, a.Hits, a.Same, a.Queries)
	}
	p.row("%d answers were no result", r.Refused)
	for _, text := range r.Refusals {
		p.row("  %s", text)
	}
	if r.Machine.Load > float64(r.Machine.Cores)/2 {
		p.row("The machine was not quiet (load average %.2f at the start): these figures are indicative only.", r.Machine.Load)
	}
}
