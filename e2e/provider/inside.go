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
