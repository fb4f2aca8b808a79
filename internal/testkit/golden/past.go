package golden

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// The recorder's node had been used before the first recorded request, and between two files its indexes were deleted.
// The answers of tasks.jsonl tell of all that, by number and by count, so a replay does the same:
//
//	uids 0 to 3      an index `c`: made, set up, filled (what with is not known, it is only counted) and deleted
//	uids 4 to 35     a first attempt that ended in the middle of documents.jsonl
//	uids 36 to 119   the files that were kept
//
// attemptEnd is the first entry of documents.jsonl that the first attempt did not come to.
const attemptEnd = 32

// past is what happened to the index `c`.
func past() []Entry {
	request := func(method, path, body string) Entry {
		return Entry{Request: Request{Method: method, Path: path, Body: json.RawMessage(body)}}
	}
	return []Entry{
		request(http.MethodPost, "/indexes", `{"uid":"c","primaryKey":"id"}`),
		request(http.MethodPatch, "/indexes/c/settings", settingsOfC),
		request(http.MethodPost, "/indexes/c/documents", `[{"id":1,"country":"PT","name":"Lisbon"}]`),
		request(http.MethodDelete, "/indexes/c", ""),
	}
}

const (
	settingsOfC = `{"filterableAttributes":["country","_miroir_shard"],"sortableAttributes":["name"]}`
	// permitted is the same for a target that reserves one of these names (RS-4).
	permitted = `{"filterableAttributes":["country"],"sortableAttributes":["name"]}`
)

// remember brings a target from the state of a fresh one to that of the recorder's node before its first request.
func (s session) remember(ctx context.Context, files map[string][]Entry) error {
	for _, entry := range past() {
		status, err := s.quietly(ctx, entry)
		if status == http.StatusBadRequest && string(entry.Request.Body) == settingsOfC {
			entry.Request.Body = json.RawMessage(permitted)
			status, err = s.quietly(ctx, entry)
		}
		if err != nil {
			return err
		}
		if status != http.StatusAccepted {
			return fmt.Errorf("%s %s answered %d", entry.Request.Method, entry.Request.Path, status)
		}
	}
	for _, attempt := range [][]Entry{files["indexes"], files["documents"][:attemptEnd]} {
		for _, entry := range attempt {
			if _, err := s.quietly(ctx, entry); err != nil {
				return err
			}
		}
		if err := s.clear(ctx); err != nil {
			return err
		}
	}
	return nil
}

// quietly sends a request, waits for its task, and compares nothing.
func (s session) quietly(ctx context.Context, entry Entry) (status int, err error) {
	status, _, raw, err := s.send(ctx, entry.Request)
	if err != nil {
		return status, fmt.Errorf("%s %s: %w", entry.Request.Method, entry.Request.Path, err)
	}
	answer, err := jsondiff.Decode(raw)
	if err != nil {
		return status, nil //nolint:nilerr // an answer that is not JSON tells of no task
	}
	s.uids.add(nil, answer)
	if uid, made := taskUID(answer); made {
		if _, err = s.await(ctx, uid); err != nil {
			return status, fmt.Errorf("%s %s: %w", entry.Request.Method, entry.Request.Path, err)
		}
	}
	return status, nil
}

// clear deletes all indexes, in the order of their names.
func (s session) clear(ctx context.Context) error {
	status, _, raw, err := s.send(ctx, Request{Method: http.MethodGet, Path: "/indexes?limit=1000"})
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	var list struct {
		Results []struct {
			UID string `json:"uid"`
		} `json:"results"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || status != http.StatusOK {
		return fmt.Errorf("list indexes: status %d, %s", status, raw)
	}
	for _, index := range list.Results {
		entry := Entry{Request: Request{Method: http.MethodDelete, Path: "/indexes/" + index.UID}}
		if _, err := s.quietly(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}
