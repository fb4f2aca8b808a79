package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/meilisearch/meilisearch-go"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/miroir-search/miroir/dev/cities"
)

const (
	indexUID  = "cities"
	batchSize = 10000
	pollTasks = 50 * time.Millisecond
)

// load sets the index up and fills it. One bar shows what was accepted, the other what is searchable.
func (d *demo) load(ctx context.Context, archive string) error {
	index := d.sdk.Index(indexUID)
	task, err := index.UpdateSettingsWithContext(ctx, &meilisearch.Settings{
		SearchableAttributes: []string{"name"},
		FilterableAttributes: []string{"country", "_geo"},
		SortableAttributes:   []string{"name", "_geo"},
	})
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := d.succeed(ctx, task.TaskUID); err != nil {
		return fmt.Errorf("settings: %w", err)
	}

	began := time.Now()
	bars := mpb.NewWithContext(ctx, barOptions(d.out)...)
	accepted, searchable := bar(bars, "accepted"), bar(bars, "searchable")
	err = d.fill(ctx, index, archive, accepted, searchable)
	if err != nil {
		accepted.Abort(false)
		searchable.Abort(false)
	}
	bars.Wait()
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	d.say("\n%d cities in %.1f s, %.0f documents a second, each stored twice.\n", cities.Count, took, cities.Count/took)
	return nil
}

// fill sends all batches while a second loop follows their tasks.
func (d *demo) fill(ctx context.Context, index meilisearch.IndexManager, archive string, accepted, searchable *mpb.Bar) error {
	type sent struct {
		task int64
		size int
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tasks := make(chan sent, cities.Count/batchSize+1) // never blocks the sender
	followed := make(chan error, 1)
	go func() {
		for s := range tasks {
			if err := d.succeed(ctx, s.task); err != nil {
				cancel(err)
				followed <- err
				return
			}
			searchable.IncrBy(s.size)
		}
		followed <- nil
	}()
	primaryKey := "id"
	err := cities.EachBatch(archive, batchSize, func(batch []cities.City) error {
		task, err := index.AddDocumentsWithContext(ctx, batch, &meilisearch.DocumentOptions{PrimaryKey: &primaryKey})
		if err != nil {
			return fmt.Errorf("add documents: %w", err)
		}
		accepted.IncrBy(len(batch))
		tasks <- sent{task.TaskUID, len(batch)}
		return nil
	})
	close(tasks)
	return errors.Join(err, <-followed)
}

// succeed waits for a task and turns its failure into an error.
func (d *demo) succeed(ctx context.Context, uid int64) error {
	task, err := d.sdk.WaitForTaskWithContext(ctx, uid, pollTasks)
	if err != nil {
		return fmt.Errorf("task %d: %w", uid, err)
	}
	if task.Status != meilisearch.TaskStatusSucceeded {
		return fmt.Errorf("task %d %s: %s", uid, task.Status, task.Error.Message)
	}
	return nil
}

// barOptions keep the bars moving on a terminal, and write one line a second where there is none.
func barOptions(out io.Writer) []mpb.ContainerOption {
	options := []mpb.ContainerOption{mpb.WithOutput(out), mpb.WithWidth(48)}
	if file, ok := out.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return options
		}
	}
	return append(options, mpb.WithAutoRefresh(), mpb.WithRefreshRate(time.Second))
}

func bar(bars *mpb.Progress, name string) *mpb.Bar {
	return bars.AddBar(cities.Count,
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 11, C: decor.DindentRight}), decor.CountersNoUnit("%6d of %d", decor.WCSyncWidth)),
		mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Elapsed(decor.ET_STYLE_MMSS, decor.WC{W: 6})))
}
