package history

import (
	"encoding/json"
	"fmt"
	"os"
)

// Write writes a run to a file.
func (r *Run) Write(path string) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// Read reads a run from a file.
func Read(path string) (*Run, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	run := &Run{}
	if err := json.Unmarshal(raw, run); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return run, nil
}
