package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Revive implements Inspected.
func (l *Local) Revive() error { return l.command.Process.Signal(syscall.SIGUSR1) }

// EngineKey implements Inspected.
func (l *Local) EngineKey() (string, error) {
	key, err := os.ReadFile(filepath.Join(l.dir, "engine.key"))
	if err != nil {
		return "", fmt.Errorf("engine key: %w", err)
	}
	return strings.TrimSpace(string(key)), nil
}

// Etcd implements Inspected.
func (l *Local) Etcd() string { return l.ready.Etcd }

// Envoys lists all Envoys, the one at URL first.
func (l *Local) Envoys() []Envoy { return l.ready.Envoys }

// Gateways lists the processes of all gateways.
func (l *Local) Gateways() []string { return l.ready.Gateways }

// Coordinators lists all coordinators, the one at Admin first.
func (l *Local) Coordinators() []Coordinator { return l.ready.Coordinators }

// Socket is where a gateway listens, by its number.
func (l *Local) Socket(gateway int) string {
	if gateway == 0 {
		return filepath.Join(l.dir, "run", "extproc.sock")
	}
	return filepath.Join(l.dir, "run", fmt.Sprintf("extproc-%d.sock", gateway))
}

// Data implements Inspected.
func (l *Local) Data(node string) string { return filepath.Join(l.dir, node) }

// Log implements Inspected.
func (l *Local) Log(process string) string {
	text, err := os.ReadFile(filepath.Join(l.dir, "log", process+".log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
