package report

// Goals of large bodies.
const (
	goalPassage = 150 // MB of NDJSON for a second of processor time of the gateway
	goalHeld    = 256 // MiB that the gateway holds at most
	goalIntake  = 1.1 // seconds until searchable, RF 1, over those of one engine
)

// Passage is one large body through Envoy and the gateway into nodes that swallow documents.
type Passage struct {
	Format  string             `json:"format"`
	MB      float64            `json:"megabytes"`
	Seconds float64            `json:"seconds"`
	CPU     map[string]float64 `json:"cpuMillisecondsPerMB"` // by part
	Gateway float64            `json:"gatewayPeakMiB"`
	Envoy   float64            `json:"envoyPeakMiB"`
}

// PerCore is how many MB the gateway passes on for a second of processor time.
func (p Passage) PerCore() float64 { return Ratio(1000, p.CPU["gateway"]) }

func (r *Report) passages(p printer) {
	if len(r.Passages) == 0 {
		return
	}
	p.title("One large body into nodes that swallow it: what Envoy and the gateway cost")
	p.row("format\tMB\tseconds\tMB/s\tCPU ms/MB: gateway\tEnvoy\tbench\tMB for a second of the gateway's processor\tpeak MiB: gateway\tEnvoy")
	for _, one := range r.Passages {
		p.row("%s\t%.0f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f", one.Format, one.MB, one.Seconds, Ratio(one.MB, one.Seconds),
			one.CPU["gateway"], one.CPU["envoy"], one.CPU["bench"], one.PerCore(), one.Gateway, one.Envoy)
	}
}

func (r *Report) passageVerdict(p printer) {
	for _, one := range r.Passages {
		if one.Format == "ndjson" {
			p.row("NDJSON: %.0f MB for a second of the gateway's processor\tgoal %d\t%s", one.PerCore(), goalPassage, met(one.PerCore() >= goalPassage))
		}
		p.row("%s of %.0f MB: %.0f MiB in the gateway\tgoal below %d\t%s", one.Format, one.MB, one.Gateway, goalHeld, met(one.Gateway < goalHeld))
	}
	for _, l := range r.Loads {
		if l.Copies == 1 {
			ratio := Ratio(l.Cluster.Searchable, l.Engine.Searchable)
			p.row("RF 1, %d documents as %s, %d in a batch, %d clients: %.2f times one engine\tgoal %.1f\t%s",
				l.Documents, l.Format, l.Batch, l.Clients, ratio, goalIntake, met(ratio <= goalIntake))
		}
	}
}
