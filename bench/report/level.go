package report

import (
	"time"

	"github.com/miroir-search/miroir/bench/load"
)

// Names of targets.
const (
	One      = "one engine"
	Cluster  = "cluster"
	Sidecars = "sidecar legs" // the legs alone, through the sidecars
	Engines  = "engine legs"  // the legs alone, straight from the engines
)

// Level is what was seen at one number of connections.
type Level struct {
	Copies      int       `json:"rf"`
	Hits        int       `json:"hits"` // of a page
	Connections int       `json:"connections"`
	Targets     []Figures `json:"targets"`
	Kinds       []Kind    `json:"kinds"`
	// OverEngines and OverSidecars are what the cluster adds to the slowest leg: the median over all searches of the
	// difference between the median times of the same search.
	OverEngines  float64 `json:"clusterOverEngineLegsMs"`
	OverSidecars float64 `json:"clusterOverSidecarLegsMs"`
}

// Figures are those of one target.
type Figures struct {
	Target    string             `json:"target"`
	Requests  int                `json:"requests"`
	Refused   int                `json:"refused"`
	P50       float64            `json:"p50Ms"`
	P95       float64            `json:"p95Ms"`
	P99       float64            `json:"p99Ms"`
	Max       float64            `json:"maxMs"`
	Mean      float64            `json:"meanMs"`
	PerSecond float64            `json:"requestsPerSecond"`
	CPU       map[string]float64 `json:"cpuMsPerRequest"` // by part
}

// Kind compares searches of one kind.
type Kind struct {
	Kind    string  `json:"kind"`
	Queries int     `json:"queries"`
	One     float64 `json:"oneEngineP50Ms"`
	Cluster float64 `json:"clusterP50Ms"`
	Engines float64 `json:"engineLegsP50Ms"`
}

// Milliseconds of a duration.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// FiguresOf sums a run up. cpu is the processor time that each part used in it.
func FiguresOf(name string, run load.Run, cpu map[string]time.Duration) Figures {
	times := run.Times()
	f := Figures{Target: name, Requests: len(times), Refused: run.Refused, CPU: map[string]float64{}}
	if len(times) == 0 {
		return f
	}
	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	at := func(q float64) float64 { return Milliseconds(load.Quantile(times, q)) }
	f.P50, f.P95, f.P99, f.Max = at(0.5), at(0.95), at(0.99), at(1)
	f.Mean = Milliseconds(sum) / float64(len(times))
	f.PerSecond = float64(len(times)) / run.Wall.Seconds()
	for part, used := range cpu {
		f.CPU[part] = Milliseconds(used) / float64(len(times))
	}
	return f
}

// Figures finds those of a target.
func (l Level) Figures(target string) Figures {
	for _, f := range l.Targets {
		if f.Target == target {
			return f
		}
	}
	return Figures{}
}

// Ratio is a divided by b, 0 where there is no b.
func Ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
