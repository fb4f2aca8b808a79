package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/miroir-search/miroir/internal/freeport"
)

// ports are the addresses of one cluster's processes by purpose. They are kept in the data folder, so that a restart
// finds its processes and peers where they were.
type ports map[string]int

// choosePorts returns a free port for every purpose: the one of the last run if it is free, or else a new one.
func (f *folder) choosePorts(purposes []string) (ports, error) {
	path := f.at("run", "ports.json")
	last := ports{}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &last)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ports: %s: %w", path, err)
	}
	chosen, taken := ports{}, map[int]bool{}
	for _, purpose := range purposes {
		port := last[purpose]
		if port == 0 || taken[port] || freeport.Claim(port) != nil {
			if port, err = freeport.Port(func(p int) bool { return taken[p] }); err != nil {
				return nil, fmt.Errorf("ports: %w", err)
			}
		}
		chosen[purpose], taken[port] = port, true
	}
	raw, err = json.MarshalIndent(chosen, "", "  ")
	if err == nil {
		err = replaceFile(path, append(raw, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("ports: %w", err)
	}
	return chosen, nil
}

// address is where the process for a purpose listens.
func (p ports) address(purpose string) string { return freeport.At(p[purpose]) }

func (p ports) url(purpose string) string { return "http://" + p.address(purpose) }
