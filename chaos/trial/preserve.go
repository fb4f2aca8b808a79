package trial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// defaultKeep is the folder for what is kept of runs that went wrong.
func defaultKeep() string { return filepath.Join(os.TempDir(), "miroir-chaos") }

// preserve keeps what is needed to look into a run that went wrong, and returns an error that says where it is.
func (c *Cluster) preserve(keep string, r *Result, again string) error {
	folder := filepath.Join(keep, fmt.Sprintf("seed-%d-%s", r.Run.Seed, time.Now().Format("150405")))
	err := os.MkdirAll(folder, 0o700)
	if err == nil {
		err = errors.Join(r.Run.Write(filepath.Join(folder, "history.json")), c.keepLogs(folder))
	}
	text := fmt.Sprintf("seed %d: %d violations; kept in %s\n   replay: %s\n   judge again: go run ./chaos --judge %s", r.Run.Seed, len(r.Violations),
		folder, again, filepath.Join(folder, "history.json"))
	for _, v := range r.Violations[:min(len(r.Violations), 10)] {
		text += "\n   " + v.String()
	}
	for _, f := range r.Run.Faults {
		text += "\n   fault: " + f
	}
	return errors.Join(errors.New(text), err)
}
