package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/testkit/need"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// childDir names the environment variable by which TestMain becomes a process that writes until it is killed.
const childDir = "MIROIR_JOURNAL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// child prepares and registers legs from several goroutines, and says so after each step.
func child(dir string) error {
	j, err := Open(dir, hlc.New(time.Now), Options{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what, write string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, write)
	}
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			defer func() { _ = recover() }() // as servers do for their handlers
			for n := 0; ; n++ {
				if err := one(j, fmt.Sprintf("%d-%d", worker, n), n, say); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func one(j *Journal, write string, n int, say func(what, write string)) error {
	w, err := j.Begin(Leg{Index: "a--1", Write: write, Stamp: j.clock.Next(), Kind: guard.Replace})
	if err != nil {
		return err
	}
	body := []byte(strings.Repeat("x", 1+n*7919%100_000))
	for i := range 8 {
		op := Op{Shard: i, ID: fmt.Appendf(nil, "%s-%d", write, i), Version: guard.Version{Stamp: w.entry.Stamp}, Body: body}
		if err := w.Add(op); err != nil {
			return err
		}
	}
	if err := w.Prepare(); err != nil {
		return err
	}
	say("prepared", write)
	defer w.Abandon()
	if err := w.Register(uint32(n)); err != nil { //nolint:gosec // small
		return err
	}
	say("registered", write)
	return nil
}

// A journal whose process is killed has every leg that it said was prepared, with all of its bodies, and can be opened.
func TestKilledProcessLosesNothing(t *testing.T) {
	for round := range 3 {
		dir := filepath.Join(t.TempDir(), "journal")
		verify(t, dir, killed(t, dir, 100*(round+1)))
	}
}

// TE-7, chaos seed 1012: a process whose journal has no space left ends instead of living on with a journal that takes nothing any more, and
// the next one finds every leg that was prepared.
func TestFullDiskEndsTheProcess(t *testing.T) {
	need.Root(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(disk, "journal")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	// A store that panics while a lock of its own is free makes Go end the process.
	fatal := strings.Contains(said.String(), "unlock of unlocked mutex")
	if !errors.As(err, &exit) || (exit.ExitCode() != 1 || !strings.Contains(said.String(), "no space left")) && !fatal {
		t.Fatalf("%v, %s", err, said.String())
	}
	var prepared []string
	for line := range strings.Lines(string(out)) {
		if write, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "prepared "); ok {
			prepared = append(prepared, write)
		}
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=256m"); err != nil {
		t.Fatal(err)
	}
	verify(t, dir, prepared)
}

// verify opens a journal and looks for the legs that were prepared.
func verify(t *testing.T, dir string, prepared []string) {
	t.Helper()
	j, err := Open(dir, hlc.New(time.Now), Options{})
	if err != nil {
		t.Fatal(err)
	}
	legs := map[string]Entered{}
	for _, e := range j.Legs() {
		legs[e.Write] = e
	}
	for _, write := range prepared {
		e, ok := legs[write]
		if !ok || e.Count != 8 {
			t.Fatalf("%s is lost: %+v", write, e)
		}
		if !e.Registered { // as the engine's own list of tasks makes up for
			if err := j.Resume(e.Place, 7); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 8 {
			ops, err := j.Operations("a--1", i, fmt.Appendf(nil, "%s-%d", write, i))
			if err != nil || len(ops) != 1 {
				t.Fatalf("%s: %v %v", write, ops, err)
			}
			if body, err := j.Body(ops[0]); err != nil || strings.Trim(string(body), "x") != "" || len(body) == 0 {
				t.Fatalf("%s: body of %d bytes, %v", write, len(body), err)
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// killed runs the child, kills it after it has said enough, and returns what it had prepared.
func killed(t *testing.T, dir string, enough int) (prepared []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if what, write, whole := strings.Cut(lines.Text(), " "); whole && what == "prepared" {
			prepared = append(prepared, write)
		}
		if len(prepared) == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatal(err)
	} else if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	if len(prepared) < enough {
		t.Fatalf("only %d legs were prepared", len(prepared))
	}
	return prepared
}
