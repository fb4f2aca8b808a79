package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

const (
	// taskDeadline bounds the wait for one task; indexing 1,200 documents takes a second on a slow machine.
	taskDeadline = 2 * time.Minute
	firstPause   = 2 * time.Millisecond
	longestPause = 100 * time.Millisecond
	maxAnswer    = 64 << 20
)

// Target is what the recorded requests are sent to: a node or a cluster that has never been used.
type Target struct {
	URL       string
	MasterKey string
}

// Played is what came of the replay of one file.
type Played struct {
	File     string
	Requests int
	Found    []Difference
	Took     time.Duration
}

// Play replays the whole recording, as the recorder did, and collects every difference.
func Play(ctx context.Context, target Target) ([]Played, error) {
	shared, err := Shared()
	if err != nil {
		return nil, err
	}
	files := map[string][]Entry{}
	for _, name := range Names() {
		if files[name], err = Load(shared, name); err != nil {
			return nil, err
		}
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	session := session{target: target, client: client, shared: shared, uids: &uids{}}
	if err := session.remember(ctx, files); err != nil {
		return nil, fmt.Errorf("replay, before the first file: %w", err)
	}
	var all []Played
	for _, name := range Names() {
		began := time.Now()
		found, err := session.replay(ctx, name, files[name])
		if err != nil {
			return nil, fmt.Errorf("replay %s: %w", name, err)
		}
		all = append(all, Played{File: name, Requests: len(files[name]), Found: found, Took: time.Since(began)})
	}
	return all, nil
}

type session struct {
	target Target
	client *http.Client
	shared string
	uids   *uids
}

// replay sends the entries of a file in order, and deletes what indexes they leave.
func (s session) replay(ctx context.Context, name string, entries []Entry) ([]Difference, error) {
	var found []Difference
	for _, entry := range entries {
		report := func(path, want, got string) {
			found = append(found, Difference{File: name, N: entry.N, Path: path, Want: want, Got: got})
		}
		if err := s.play(ctx, entry, report); err != nil {
			return nil, fmt.Errorf("entry %d, %s %s: %w", entry.N, entry.Request.Method, entry.Request.Path, err)
		}
	}
	return found, s.clear(ctx)
}

func (s session) play(ctx context.Context, entry Entry, report func(path, want, got string)) error {
	entry.Request.Path = s.uids.path(entry.Request.Path)
	status, _, raw, err := s.send(ctx, entry.Request)
	if err != nil {
		return err
	}
	if status != entry.Response.Status {
		report("/status", fmt.Sprint(entry.Response.Status), fmt.Sprint(status))
	}
	want, err := jsondiff.Decode(entry.Response.Body)
	if err != nil {
		return fmt.Errorf("recorded body: %w", err)
	}
	got, err := jsondiff.Decode(raw)
	if err != nil {
		got = string(raw) // not JSON: a difference like any other
	}
	s.uids.add(want, got)
	compare("/body", s.uids.translate(want), got, report)
	uid, made := taskUID(got)
	if !made {
		if len(entry.Task) > 0 {
			report("/task", "a task", "none")
		}
		return nil
	}
	if !s.uids.rising() {
		report("/body/taskUid", "more than all before", uid)
	}
	finished, err := s.await(ctx, uid)
	if err != nil || len(entry.Task) == 0 {
		return err
	}
	wantTask, err := jsondiff.Decode(entry.Task)
	if err != nil {
		return fmt.Errorf("recorded task: %w", err)
	}
	compare("/task", s.uids.translate(wantTask), finished, report)
	return nil
}

// send plays the request: as the recorder did, with the master key and as JSON unless the entry says otherwise. Where the
// recorder meant to leave the content type out, what was between it and the node put the usual one in: a node that really
// gets none answers 415 (checked with 1.50).
func (s session) send(ctx context.Context, r Request) (int, http.Header, []byte, error) {
	payload, err := r.payload(s.shared)
	if err != nil {
		return 0, nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, s.target.URL+r.Path, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, nil, err
	}
	contentType, token := "application/json", s.target.MasterKey
	if r.ContentType.Value != nil {
		contentType = *r.ContentType.Value
	}
	request.Header.Set("Content-Type", contentType)
	if r.Auth.Given {
		token = ""
		if r.Auth.Value != nil {
			token = *r.Auth.Value
		}
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return s.do(request)
}

func (s session) do(request *http.Request) (int, http.Header, []byte, error) {
	response, err := s.client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, response.Header, raw, err
}

// taskUID is the uid of the task that an answer tells of.
func taskUID(answer any) (string, bool) {
	object, ok := answer.(map[string]any)
	if !ok {
		return "", false
	}
	uid, ok := object["taskUid"].(json.Number)
	return uid.String(), ok
}

// await returns a task once it is finished.
func (s session) await(ctx context.Context, uid string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, taskDeadline)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		status, _, raw, err := s.send(ctx, Request{Method: http.MethodGet, Path: "/tasks/" + uid})
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", uid, err)
		}
		task, err := jsondiff.Decode(raw)
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("task %s: status %d, %s", uid, status, raw)
		}
		if object, ok := task.(map[string]any); ok {
			switch object["status"] {
			case "succeeded", "failed", "canceled":
				return task, nil
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("task %s was not finished within %s: %w", uid, taskDeadline, context.Cause(ctx))
		}
	}
}
