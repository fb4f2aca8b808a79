package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// Ports are chosen below those that Linux gives to outgoing connections (32768 and up): otherwise such a connection
// could sit on the port of a process that is just being restarted.
const (
	firstPort = 15000
	lastPort  = 32000
	portTries = 1000
)

const loopback = "127.0.0.1"

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
		for tries := 0; port == 0 || taken[port] || checkFree(address(port)) != nil; tries++ {
			if tries == portTries {
				return nil, errors.New("ports: no free one found")
			}
			port = firstPort + rand.IntN(lastPort-firstPort)
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
func (p ports) address(purpose string) string { return address(p[purpose]) }

func (p ports) url(purpose string) string { return "http://" + p.address(purpose) }

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// checkFree tells whether a process can listen there now.
func checkFree(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}
