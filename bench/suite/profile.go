package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/miroir-search/miroir/bench/load"
	"github.com/miroir-search/miroir/bench/target"
)

// profileSeconds is how long a profile looks.
const profileSeconds = 8

// profiled are the numbers of connections that are of interest.
var profiled = []int{1, 32}

// profile searches the cluster once more and keeps CPU profiles of gateway and sidecars. It comes after everything was
// measured, for looking costs time.
func (s *suite) profile(ctx context.Context, all series) error {
	if s.profiles == "" {
		return nil
	}
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	for _, connections := range profiled {
		s.begin("RF %d, %d hits: profiles at %d connections", all.copies, all.hits, connections)
		if err := s.profileAt(ctx, all, connections); err != nil {
			return fmt.Errorf("profiles: %w", err)
		}
		s.end("in %s", s.profiles)
	}
	return nil
}

func (s *suite) profileAt(ctx context.Context, all series, connections int) error {
	open, err := all.targets[1].Open(connections)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close(open) }()
	looking, looked := context.WithCancelCause(ctx)
	searched := make(chan error, 1)
	go func() {
		for looking.Err() == nil {
			if _, err := load.Do(looking, open, order(len(all.queries), len(all.queries))); err != nil && looking.Err() == nil {
				searched <- err
				return
			}
		}
		searched <- nil
	}()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for name, base := range s.cluster.Metrics() {
		if partOf(name) == "control" {
			continue
		}
		path := filepath.Join(s.profiles, fmt.Sprintf("rf%d-hits%d-c%d-%s.pprof", all.copies, all.hits, connections, name))
		wg.Go(func() {
			err := keepProfile(ctx, base, path)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wg.Wait()
	looked(nil)
	return errors.Join(append(errs, <-searched)...)
}

// keepProfile saves a profile and, beside it, what it says as text.
func keepProfile(ctx context.Context, base, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", base, profileSeconds), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.100s", response.Status, raw)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return err
	}
	text, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodecount=120", path).Output()
	if err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(path, ".pprof")+".txt", text, 0o600)
}
