package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"github.com/miroir-search/miroir/e2e/inside"
	"github.com/miroir-search/miroir/e2e/provider"
	"github.com/miroir-search/miroir/internal/hlc"
)

const (
	index   = "things"
	node    = "node-1"
	longest = 15 * time.Minute
)

func main() {
	documents := flag.Int("documents", 100_000, "documents of the index, each on both nodes")
	missed := flag.Int("missed", 1_000, "writes of one document each that a node misses")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *documents, *missed); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

// scene is the cluster at work.
type scene struct {
	*provider.Local
	in  *inside.Inside
	sdk meilisearch.ServiceManager
	old <-chan time.Time // when journals reach back to what is missed: an empty one begins later than a clock may be wrong
}

func run(ctx context.Context, documents, missed int) (err error) {
	cluster, err := provider.StartLocal(ctx, ".", provider.Options{Nodes: 2, Groups: 1, Replicas: 2, Shards: 16, StayDown: true, Flags: []string{
		"--coordinator-flag", "--anti-entropy=false", "--coordinator-flag", "--anti-entropy-docs-per-sec=100000000",
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	in, err := inside.Look(ctx, cluster)
	if err != nil {
		return err
	}
	s := &scene{cluster, in, meilisearch.New(cluster.URL(), meilisearch.WithAPIKey(cluster.MasterKey()), meilisearch.DisableRetries()), time.After(hlc.MaxSkew + time.Second)}
	if err := s.fill(ctx, documents); err != nil {
		return err
	}
	fmt.Println("| what | documents | time | documents/s | CPU of engine and sidecar of a node | sidecar's memory, largest |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, args := range [][]string{{"verify"}, {"verify", "--deep"}} {
		if err := s.verify(ctx, documents, args); err != nil {
			return err
		}
	}
	if err := s.missed(ctx, missed); err != nil {
		return err
	}
	return s.emptied(ctx, documents)
}

func document(n int) map[string]any {
	return map[string]any{
		"id": n, "name": fmt.Sprint("Place number ", n), "country": fmt.Sprint("C", n%190), "population": n * 37 % 9_000_000,
		"position": map[string]any{"lat": float64(n%180) - 90.5, "lng": float64(n%360) - 180.25},
		"text":     strings.Repeat(fmt.Sprint("some words about place ", n%1000, " "), 6),
	}
}

// fill writes the documents and waits until both nodes have them.
func (s *scene) fill(ctx context.Context, documents int) error {
	const batch = 10_000
	for from := 0; from < documents; from += batch {
		var some []map[string]any
		for n := from; n < min(from+batch, documents); n++ {
			some = append(some, document(n))
		}
		info, err := s.sdk.Index(index).AddDocumentsWithContext(ctx, some, nil)
		if err != nil {
			return err
		}
		if _, err := s.sdk.WaitForTaskWithContext(ctx, info.TaskUID, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return s.until(ctx, func() error { return errors.Join(s.in.Clean(), s.in.Idle()) })
}

// until tries until it works.
func (s *scene) until(ctx context.Context, try func() error) error {
	return inside.Until(ctx, longest, try)
}

func row(what string, documents int, took time.Duration, more string) {
	fmt.Printf("| %s | %d | %.2f s | %.0f | %s |\n", what, documents, took.Seconds(), float64(documents)/took.Seconds(), more)
}

// verify measures a pass over all shards.
func (s *scene) verify(ctx context.Context, documents int, args []string) error {
	key, err := s.AdminKey()
	if err != nil {
		return err
	}
	before, err := s.spent()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join("bin", "miroir-ctl"), append(args, "--server", s.Admin(), "-o", "json", "--quiet")...)
	cmd.Env = append(os.Environ(), "MIROIR_ADMIN_API_KEY="+key)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%v: %w", args, err)
	}
	var pass struct {
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
		Documents int       `json:"documents"`
	}
	if err := json.Unmarshal(out, &pass); err != nil {
		return err
	}
	after, err := s.spent()
	if err != nil {
		return err
	}
	if pass.Documents != 2*documents {
		return fmt.Errorf("%d documents were compared, there are %d", pass.Documents, 2*documents)
	}
	row(strings.Join(args, " ")+", both nodes", documents, pass.UpdatedAt.Sub(pass.CreatedAt),
		fmt.Sprintf("%.2f s + %.2f s | %d MiB", after.engine-before.engine, after.sidecar-before.sidecar, after.memory>>20))
	return nil
}

// down kills a node's processes and waits until everybody knows.
func (s *scene) down(ctx context.Context, processes ...string) error {
	for _, p := range processes {
		if err := s.Kill(p); err != nil {
			return err
		}
	}
	return s.until(ctx, func() error {
		if s.in.View().Nodes[node].OK {
			return errors.New("the node is still up")
		}
		return nil
	})
}

// back starts a node again and measures until its copies are complete: from the moment at which it is up.
func (s *scene) back(ctx context.Context, what string, documents int) error {
	begun := time.Now()
	if err := s.until(ctx, func() error {
		if !s.in.View().Nodes[node].OK {
			return errors.Join(errors.New("the node is not up"), s.Revive())
		}
		return nil
	}); err != nil {
		return err
	}
	up := time.Now()
	if err := s.until(ctx, func() error {
		if s.in.Dirty(node) > 0 {
			return errors.New("copies are dirty")
		}
		return s.in.Clean()
	}); err != nil {
		return err
	}
	row(what, documents, time.Since(up), fmt.Sprintf("the node was up after %.1f s | ", up.Sub(begun).Seconds()))
	return nil
}

// missed measures the catch-up by journals.
func (s *scene) missed(ctx context.Context, writes int) error {
	select {
	case <-s.old:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := s.down(ctx, "sidecar-1", "engine-1"); err != nil {
		return err
	}
	for n := range writes {
		if _, err := s.sdk.Index(index).UpdateDocumentsWithContext(ctx, []map[string]any{{"id": n * 7, "changed": n}}, nil); err != nil {
			return err
		}
	}
	return s.back(ctx, "catch-up of missed writes, by journals", writes)
}

// emptied measures the copy of everything.
func (s *scene) emptied(ctx context.Context, documents int) error {
	if err := s.until(ctx, s.in.Idle); err != nil {
		return err
	}
	if err := s.down(ctx, "sidecar-1", "engine-1"); err != nil {
		return err
	}
	if err := s.until(ctx, func() error {
		if s.in.Engine(node, http.MethodGet, "/health", nil, &struct{}{}) == nil {
			return errors.New("the engine still answers")
		}
		return os.RemoveAll(filepath.Join(s.Data(node), "db"))
	}); err != nil {
		return err
	}
	begun := time.Now()
	if err := s.until(ctx, func() error {
		if s.in.Dirty(node) == 0 {
			return errors.Join(errors.New("nobody noticed yet"), s.Revive())
		}
		return nil
	}); err != nil {
		return err
	}
	noticed := time.Now()
	if err := s.until(ctx, s.in.Clean); err != nil {
		return err
	}
	row("an emptied node filled again, by digests", documents, time.Since(noticed), fmt.Sprintf("noticed after %.1f s | ", noticed.Sub(begun).Seconds()))
	return nil
}
