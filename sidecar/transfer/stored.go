package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/guard"
	"github.com/miroir-search/miroir/sidecar/span"
)

const (
	fetchTimeout = time.Minute
	listTimeout  = 5 * time.Minute // of a whole shard
	maxFetch     = 256 << 20       // largest answer to one request for documents
	fetchAtOnce  = 200             // documents of one such request
)

// stored is a document as the engine has it.
type stored struct {
	version guard.Version // zero when it has no stamp
	expires uint64        // Unix ms, 0 for never
	body    []byte        // without a line end
}

// shelf reads documents of one index from the engine.
type shelf struct {
	engine *engine.Client
	index  string
	key    string // primary key
}

// byID reads documents by their ids; those that do not exist are missing in the result.
func (s shelf) byID(ctx context.Context, ids []string) (map[string]stored, error) {
	found := make(map[string]stored, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), fetchAtOnce)
		err := s.fetch(ctx, fetchTimeout, map[string]any{"ids": ids[:n], "limit": n, "retrieveVectors": true}, func(document []byte) error {
			id, d, err := s.read(document)
			if err == nil {
				found[id] = d
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return found, nil
}

// read finds id and version of a document.
func (s shelf) read(document []byte) (id string, d stored, err error) {
	raw, wrong := meili.FindID(document, s.key)
	if wrong != nil {
		return "", d, errors.New("engine shows a document without its id")
	}
	d.body, err = withoutEmptyVectors(document)
	if err != nil {
		return "", d, err
	}
	d.version, d.expires = datesOf(document)
	return string(raw), d, nil
}

// datesOf reads the stamp of a document, and when it expires: 0 for never.
func datesOf(document []byte) (v guard.Version, expires uint64) {
	rawjson.EachMember(document, func(key, value []byte) bool {
		switch string(key) {
		case `"` + nodeapi.FieldUpdatedAt + `"`:
			if text, ok := rawjson.Unquote(value); ok {
				if stamp, position, ok := nodeapi.ParseStamp(text); ok {
					v = guard.VersionOf(stamp, position)
				}
			}
		case `"` + nodeapi.FieldExpiresAt + `"`:
			if at, err := strconv.ParseUint(string(value), 10, 64); err == nil {
				expires = at
			}
		}
		return true
	})
	return v, expires
}

// withoutEmptyVectors takes out the member that an engine adds when it is asked for vectors and there are none.
func withoutEmptyVectors(document []byte) ([]byte, error) {
	const name = `"_vectors":{}`
	at := bytes.Index(document, []byte(name))
	if at < 0 {
		return bytes.Clone(document), nil
	}
	var out []byte
	err := span.Members(document, func(key, value []byte) error {
		if string(key) == `"_vectors"` && string(value) == "{}" {
			return nil
		}
		if out = append(out, ','); len(out) == 1 {
			out[0] = '{'
		}
		out = append(append(append(out, key...), ':'), value...)
		return nil
	})
	if len(out) == 0 {
		out = []byte{'{'}
	}
	return append(out, '}'), err
}

// glance visits id, version and expiry of all documents of a shard, in one view of the engine. visit may keep nothing of the
// id.
func (s shelf) glance(ctx context.Context, shard int, visit func(id []byte, v guard.Version, expires uint64) error) error {
	const all = 1 << 31
	return s.fetch(ctx, listTimeout, map[string]any{
		"filter": nodeapi.ShardFilter([]int{shard}), "fields": []string{s.key, nodeapi.FieldUpdatedAt, nodeapi.FieldExpiresAt}, "limit": all,
	}, func(document []byte) error {
		raw, wrong := meili.FindID(document, s.key)
		if wrong != nil {
			return errors.New("engine shows a document without its id")
		}
		v, expires := datesOf(document)
		return visit([]byte(raw), v, expires)
	})
}

// fetch asks the engine for documents and visits them one by one while they come.
func (s shelf) fetch(ctx context.Context, timeout time.Duration, query any, visit func(document []byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(query)
	if err != nil {
		return fmt.Errorf("fetch documents: %w", err)
	}
	req, err := s.engine.Request(ctx, http.MethodPost, "/indexes/"+url.PathEscape(s.index)+"/documents/fetch", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.engine.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		e := &engine.Error{Status: res.StatusCode}
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxError)) // an answer without a code is told by its status
		_ = json.Unmarshal(text, e)
		return fmt.Errorf("fetch documents: %w", e)
	}
	return eachResult(res.Body, visit)
}

const maxError = 1 << 20
