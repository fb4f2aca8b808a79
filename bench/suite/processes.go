package suite

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/miroir-search/miroir/bench/machine"
)

// processes are those that a run is about, and the benchmark's own.
type processes []machine.Process

// self is the name of the benchmark's own process.
const self = "bench"

func (s *suite) processes() (processes, error) {
	list, errEngine := s.engine.Processes()
	more, errCluster := s.cluster.Processes()
	list = append(append(list, more...), machine.Process{Name: self, Pid: os.Getpid()})
	return list, errors.Join(errEngine, errCluster)
}

// partOf is the part of the whole that a process belongs to.
func partOf(name string) string {
	switch {
	case name == "envoy" || name == "engine" || name == self:
		return name
	case strings.HasPrefix(name, "gateway-"):
		return "gateway"
	case strings.HasPrefix(name, "sidecar-"):
		return "sidecars"
	case strings.HasPrefix(name, "engine-"):
		return "engines"
	}
	return "control"
}

// cpu is the processor time of every part so far.
func (p processes) cpu() (map[string]time.Duration, error) {
	parts := map[string]time.Duration{}
	var errs []error
	for _, one := range p {
		used, err := one.CPU()
		errs = append(errs, err)
		parts[partOf(one.Name)] += used
	}
	return parts, errors.Join(errs...)
}

// resetPeaks starts a phase whose peak memory is of interest.
func (p processes) resetPeaks() error {
	var errs []error
	for _, one := range p {
		errs = append(errs, one.ResetPeak())
	}
	return errors.Join(errs...)
}

// peaks is the most memory of every process since, in MiB.
func (p processes) peaks() (map[string]float64, error) {
	found := map[string]float64{}
	var errs []error
	for _, one := range p {
		m, err := one.Memory()
		errs = append(errs, err)
		found[one.Name] = float64(m.Peak) / (1 << 20)
	}
	return found, errors.Join(errs...)
}
