package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/meilisearch/meilisearch-go"
)

// patience bounds the wait for a task.
const patience = 30 * time.Second

// A check that fails ends its part of the tour by a panic, which the ledger catches.

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// get is the result of a call that must succeed.
func get[T any](value T, err error) T {
	must(err)
	return value
}

func equal(got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Errorf("got %#v, want %#v", got, want))
	}
}

func check(ok bool, what string, args ...any) {
	if !ok {
		panic(fmt.Errorf(what, args...))
	}
}

// answered is the status and the code of an answer that is an error; 0 of a call that succeeded.
func answered(err error) (status int, code string) {
	var e *meilisearch.Error
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &e):
		return e.StatusCode, e.MeilisearchApiError.Code
	}
	panic(err)
}

// fails checks that a call fails with a code.
func fails(code string, err error) {
	_, got := answered(err)
	equal(got, code)
}

// fails2 is fails for calls with a result.
func fails2[T any](code string) func(T, error) {
	return func(_ T, err error) { fails(code, err) }
}

// wait waits for a task as the package does by itself.
func (t *tour) wait(info *meilisearch.TaskInfo, err error) *meilisearch.Task {
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	task := get(t.sdk.WaitForTaskWithContext(ctx, info.TaskUID, 0))
	t.waits = append(t.waits, time.Since(task.FinishedAt))
	check(task.UID == info.TaskUID && task.IndexUID == info.IndexUID && task.Type == info.Type, "%+v of %+v", task, info)
	return task
}

// done waits for a task that must succeed.
func (t *tour) done(info *meilisearch.TaskInfo, err error) *meilisearch.Task {
	task := t.wait(info, err)
	check(task.Status == meilisearch.TaskStatusSucceeded, "%s: %s %+v", task.Type, task.Status, task.Error)
	return task
}

// failed waits for a task that must fail with a code.
func (t *tour) failed(code string) func(*meilisearch.TaskInfo, error) {
	return func(info *meilisearch.TaskInfo, err error) {
		task := t.wait(info, err)
		check(task.Status == meilisearch.TaskStatusFailed && task.Error.Code == code, "%s: %s %+v", task.Type, task.Status, task.Error)
	}
}

// probe is one call that Miroir refuses, by the name of its method.
type probe struct {
	name string
	call func() error
}

// only drops the result of a call.
func only[T any](_ T, err error) error { return err }

// refuses checks that Miroir answers 501 to every probe; elsewhere run must pass.
func (t *tour) refuses(reason string, probes []probe, run func()) {
	if !t.miroir {
		run()
		return
	}
	for _, p := range probes {
		status, code := answered(p.call())
		if status == 0 { // a stream is begun whatever the answer is, and its status is told nowhere
			status, code = t.status, "miroir_"
		}
		check(status == http.StatusNotImplemented && strings.HasPrefix(code, "miroir_"), "%s: not 501 but %d %s", p.name, status, code)
		t.refused[p.name] = reason
		t.refused[p.name+"WithContext"] = reason
	}
}
