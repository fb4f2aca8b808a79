package dumps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/nodeapi/client"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/routing"
)

// callTimeout bounds one question to a node; the list of a large shard's ids takes a while.
const callTimeout = 60 * time.Second

// everything is the limit of a list that shall not be cut.
const everything = 1 << 31

// source is a copy of a shard.
type source struct {
	node  routing.Node
	epoch int64
	index *routing.Index
	shard int
}

// fetchBody is the body of documents/fetch.
type fetchBody struct {
	Fields  []string `json:"fields,omitempty"`
	IDs     []string `json:"ids,omitempty"`
	Limit   int      `json:"limit"`
	Vectors bool     `json:"retrieveVectors,omitempty"`
}

// fetch writes all documents of a shard, one per line. The ids are those of one moment; a document that is deleted before
// its turn comes is left out.
func (c *Creator) fetch(ctx context.Context, src source, to io.Writer) error {
	ids, err := c.ids(ctx, src)
	if err != nil {
		return err
	}
	page := c.Limits.Page
	var line []byte
	for len(ids) > 0 {
		n := min(page, len(ids))
		got, err := c.ask(ctx, src, fetchBody{IDs: ids[:n], Limit: n, Vectors: true})
		if err != nil {
			return err
		}
		size := 0
		err = each(got, func(document []byte) error {
			line = append(appendLine(line[:0], withoutNoVectors(document)), '\n')
			size += len(line)
			c.Metrics.documents.Inc()
			_, err := to.Write(line)
			return err
		})
		if err != nil {
			return err
		}
		c.Metrics.bytes.Add(float64(size))
		ids = ids[n:]
		page = nextPage(page, n, size, c.Limits)
	}
	return nil
}

// nextPage adapts the page to the size of what the last one brought.
func nextPage(page, documents, size int, l Limits) int {
	switch {
	case size > l.PageBytes:
		return max(1, documents*l.PageBytes/size)
	case size < l.PageBytes/2:
		return min(l.Page, 2*page)
	}
	return page
}

// ids lists the ids of a shard in one read of the engine.
func (c *Creator) ids(ctx context.Context, src source) ([]string, error) {
	got, err := c.ask(ctx, src, fetchBody{Fields: []string{src.index.PrimaryKey}, Limit: everything})
	if err != nil {
		return nil, err
	}
	var ids []string
	err = each(got, func(document []byte) error {
		id, e := meili.FindID(document, src.index.PrimaryKey)
		if e != nil {
			return errors.New("a stored document has no readable id")
		}
		ids = append(ids, string(id))
		return nil
	})
	return ids, err
}

// ask sends one documents/fetch to the copy. errGone says that the node knows no such index.
func (c *Creator) ask(ctx context.Context, src source, body fetchBody) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a, err := c.Nodes.Do(ctx, client.Request{
		Address: src.node.Address, Method: http.MethodPost, Path: "/indexes/" + src.index.Physical + "/documents/fetch",
		ContentType: "application/json", Body: raw,
		Leg: nodeapi.Leg{Epoch: src.epoch, Shards: []int{src.shard}, Count: src.index.Shards},
	})
	switch {
	case err != nil:
		return nil, err
	case a.Status != http.StatusOK:
		e := apierr.Parse(a.Status, a.Body)
		if e.Code == apierr.IndexNotFound {
			return nil, errGone
		}
		return nil, fmt.Errorf("fetch documents: node answered %d %s", a.Status, e.Code)
	}
	return a.Body, nil
}

// each visits the documents of an answer.
func each(answer []byte, visit func(document []byte) error) error {
	results, ok := rawjson.Find(answer, "results")
	if !ok {
		return errors.New("fetch documents: the answer has no results")
	}
	var err error
	rawjson.EachElement(results, func(document []byte) bool {
		err = visit(document)
		return err == nil
	})
	return err
}

// withoutNoVectors drops an empty `_vectors`, which a list that asks for vectors shows for every document and a dump for none.
func withoutNoVectors(document []byte) []byte {
	if !bytes.Contains(document, []byte(`"_vectors":{}`)) {
		return document
	}
	return rawjson.AppendWithout(nil, document, func(key, value []byte) bool {
		return rawjson.KeyIs(key, "_vectors") && string(value) == "{}"
	})
}

// appendLine appends a document on one line: line breaks can only stand between tokens, where they mean nothing.
func appendLine(dst, document []byte) []byte {
	if bytes.IndexByte(document, '\n') < 0 && bytes.IndexByte(document, '\r') < 0 {
		return append(dst, document...)
	}
	for _, b := range document {
		if b != '\n' && b != '\r' {
			dst = append(dst, b)
		}
	}
	return dst
}
