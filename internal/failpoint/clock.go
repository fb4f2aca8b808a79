package failpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clockFile says by how much the clock of the process whose folder it stands in is wrong.
const clockFile = "clock"

// Now is the wall time as this process takes it: time.Now, unless points are enabled and SetClock has set it off.
func Now() time.Time {
	if !Enabled() {
		return time.Now()
	}
	return now(folder())
}

func now(folder string) time.Time {
	text, err := os.ReadFile(filepath.Join(folder, clockFile))
	if err != nil {
		return time.Now() // nobody has set it off
	}
	off, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		panic("failpoint: " + err.Error())
	}
	return time.Now().Add(off)
}

// SetClock sets the clock of the process of this folder off by a duration, at once; zero makes it right again.
func SetClock(folder string, off time.Duration) error {
	path := filepath.Join(folder, clockFile)
	if off == 0 {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("set clock: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	// Renamed into its place, so that no reader sees half of it.
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(off.String()), 0o600); err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	return nil
}
