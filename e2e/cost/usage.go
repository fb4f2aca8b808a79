package main

import "github.com/miroir-search/miroir/e2e/usage"

// spent is what the first node's processes used until now: seconds of CPU, and bytes of memory at most.
type spent struct {
	engine, sidecar float64
	memory          int64
}

func (s *scene) spent() (u spent, err error) {
	engine, err := s.process("engine-0")
	if err != nil {
		return u, err
	}
	sidecar, err := s.process("sidecar-0")
	return spent{engine.CPU, sidecar.CPU, sidecar.Peak}, err
}

func (s *scene) process(name string) (usage.Usage, error) {
	pid, err := s.Pid(name)
	if err != nil {
		return usage.Usage{}, err
	}
	return usage.Of(pid)
}
