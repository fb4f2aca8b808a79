package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miroir-search/miroir/e2e/usage"
)

// soakBatch is how many documents one write of the soak has.
const soakBatch = 50

// soakWriters are at work at once, so that one slow answer does not lower the rate.
const soakWriters = 4

// soakRows is how many rows the soak's table has.
const soakRows = 10

// soak writes so many documents a second for so many minutes, over and over the same ones, and prints what the first node's
// processes and the gateway need meanwhile.
func (s *scene) soak(ctx context.Context, minutes, rate, documents int) error {
	fmt.Printf("\n%d documents a second in writes of %d.\n\n", rate, soakBatch)
	fmt.Println("| after | documents written | failed | sidecar's memory | at most | journal on disk | engine's memory | engine's data on disk | gateway's memory |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	length := time.Duration(minutes) * time.Minute
	due := time.NewTicker(time.Second * soakBatch / time.Duration(rate))
	defer due.Stop()
	writing, stop := context.WithTimeout(ctx, length+time.Second)
	var written, failed atomic.Int64
	var all sync.WaitGroup
	defer func() { stop(); all.Wait() }()
	for range soakWriters {
		all.Go(func() {
			for {
				select {
				case <-due.C:
				case <-writing.Done():
					return
				}
				if s.write(soaked(int(written.Add(soakBatch)), documents)) != nil {
					failed.Add(soakBatch)
				}
			}
		})
	}
	rows, begun := time.NewTicker(length/soakRows), time.Now()
	defer rows.Stop()
	for range soakRows {
		select {
		case <-rows.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := s.sample(time.Since(begun), written.Load(), failed.Load()); err != nil {
			return err
		}
	}
	return nil
}

// soaked is a batch of documents that are there already, and change.
func soaked(written, documents int) (some []map[string]any) {
	for n := range soakBatch {
		d := document((written + n) % documents)
		d["changed"] = written
		some = append(some, d)
	}
	return some
}

// sample prints a row.
func (s *scene) sample(after time.Duration, written, failed int64) error {
	used := map[string]usage.Usage{}
	for _, p := range []string{"sidecar-0", "engine-0", "gateway-0"} {
		pid, err := s.Pid(p)
		if err != nil {
			return err
		}
		if used[p], err = usage.Of(pid); err != nil {
			return err
		}
	}
	journal, err := weigh(filepath.Join(s.Data("node-0"), "journal"))
	if err != nil {
		return err
	}
	data, err := weigh(filepath.Join(s.Data("node-0"), "db"))
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %d | %d | %s | %s | %s | %s | %s | %s |\n", after.Round(time.Second), written, failed, mib(used["sidecar-0"].Memory),
		mib(used["sidecar-0"].Peak), mib(journal), mib(used["engine-0"].Memory), mib(data), mib(used["gateway-0"].Memory))
	return nil
}

func mib(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }

// weigh sums up the files of a folder, some of which may just be going.
func weigh(folder string) (sum int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				sum += occupied(info)
			}
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	return sum, err
}

// occupied is what a file takes of the disk, which is less than its size where it has holes.
func occupied(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
