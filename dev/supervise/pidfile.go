package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// markOf is what marks a process as this supervisor's child of that name.
func (s *Supervisor) markOf(name string) string { return s.mark + "/" + name }

// Clear ends processes that an earlier supervisor of the same folder left behind, and removes their pid files. The
// caller must hold a lock on the folder: a living supervisor's children would look the same.
func (s *Supervisor) Clear(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(s.options.RunDir, "*.pid"))
	if err != nil {
		return fmt.Errorf("clear pid files: %w", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".pid")
		if pid, err := readPid(path); err == nil {
			if err := endLeftover(ctx, pid, s.markOf(name)); err != nil {
				return fmt.Errorf("clear %s: process %d: %w", path, pid, err)
			}
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear pid files: %w", err)
		}
	}
	return nil
}

// writePid writes a pid file at once: a reader sees a whole number or no file.
func writePid(path string, pid int) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

func readPid(path string) (int, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds no pid", path)
	}
	return pid, nil
}
