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
	maxFetch     = 256 << 20 // largest answer to one request for documents
	fetchAtOnce  = 200       // documents of one such request
)

// stored is a document as the engine has it.
type stored struct {
	version guard.Version // zero when it has no stamp
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
		err := s.fetch(ctx, map[string]any{"ids": ids[:n], "limit": n, "retrieveVectors": true}, func(document []byte) error {
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
	d.version = versionOf(document)
	return string(raw), d, nil
}

// versionOf reads the stamp of a document.
func versionOf(document []byte) (v guard.Version) {
	rawjson.EachMember(document, func(key, value []byte) bool {
		if string(key) != `"`+nodeapi.FieldUpdatedAt+`"` {
			return true
		}
		if text, ok := rawjson.Unquote(value); ok {
			if stamp, position, ok := nodeapi.ParseStamp(text); ok {
				v = guard.VersionOf(stamp, position)
			}
		}
		return false
	})
	return v
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

// ids visits id and version of all documents of a shard, in one view of the engine.
func (s shelf) ids(ctx context.Context, shard int, visit func(id string, v guard.Version) error) error {
	const all = 1 << 31
	return s.fetch(ctx, map[string]any{
		"filter": nodeapi.ShardFilter([]int{shard}), "fields": []string{s.key, nodeapi.FieldUpdatedAt}, "limit": all,
	}, func(document []byte) error {
		raw, wrong := meili.FindID(document, s.key)
		if wrong != nil {
			return errors.New("engine shows a document without its id")
		}
		return visit(string(raw), versionOf(document))
	})
}

// fetch asks the engine for documents and visits them one by one while they come.
func (s shelf) fetch(ctx context.Context, query any, visit func(document []byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
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
