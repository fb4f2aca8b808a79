package suite

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// identify asks the binary what it is; without one nothing can be measured.
func (s *suite) identify(ctx context.Context) error {
	var out bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(s.bin, "miroir"), "version")
	command.Stdout = &out
	if err := command.Run(); err != nil {
		return fmt.Errorf("bin/miroir version: %w; run `make build tools` first", err)
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(out.String(), "miroir "), " ")
	s.report.Miroir = strings.TrimSpace(version)
	return nil
}
