package dumps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
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

// fetch writes all documents of a shard in the order of their stamps, one per line, and returns how many. The ids are those of
// one moment; a document that is deleted before its turn comes is left out.
func (c *Creator) fetch(ctx context.Context, src source, to io.Writer) (lines int64, err error) {
	list, err := c.list(ctx, src)
	if err != nil {
		return 0, err
	}
	page := c.Limits.Page
	var line []byte
	for len(list) > 0 {
		n := min(page, len(list))
		ids, place := make([]string, n), make(map[string]int, n)
		for i, one := range list[:n] {
			ids[i], place[one.id] = one.id, i
		}
		got, err := c.ask(ctx, src, fetchBody{IDs: ids, Limit: n, Vectors: true}, false)
		if err != nil {
			return lines, err
		}
		documents := make([][]byte, n)
		err = each(got, func(document []byte) error {
			id, e := meili.FindID(document, src.index.PrimaryKey)
			if i, asked := place[string(id)]; e == nil && asked {
				documents[i] = document
			}
			return nil
		})
		if err != nil {
			return lines, err
		}
		size := 0
		for i, document := range documents {
			if document == nil {
				continue // deleted meanwhile
			}
			line = append(append(line[:0], list[i].stamp...), orderMark)
			line = append(appendLine(line, withoutNoVectors(document)), '\n')
			if _, err := to.Write(line); err != nil {
				return lines, err
			}
			size += len(line)
			lines++
		}
		c.Metrics.documents.Add(float64(len(documents)))
		c.Metrics.bytes.Add(float64(size))
		list = list[n:]
		page = nextPage(page, n, size, c.Limits)
	}
	return lines, nil
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

// listed is a document of a shard's list.
type listed struct {
	id    string
	stamp string // as it is stored; noStamp when it has none
}

// list lists the documents of a shard in one read of the engine, ordered as they were written.
func (c *Creator) list(ctx context.Context, src source) ([]listed, error) {
	got, err := c.ask(ctx, src, fetchBody{Fields: []string{src.index.PrimaryKey, nodeapi.FieldUpdatedAt}, Limit: everything}, true)
	if err != nil {
		return nil, err
	}
	var list []listed
	err = each(got, func(document []byte) error {
		id, e := meili.FindID(document, src.index.PrimaryKey)
		if e != nil {
			return errors.New("a stored document has no readable id")
		}
		list = append(list, listed{string(id), stampOf(document)})
		return nil
	})
	slices.SortStableFunc(list, func(a, b listed) int { return strings.Compare(a.stamp, b.stamp) })
	return list, err
}

// stampOf is the stored stamp of a document. Stamps sort as they are written, all of them are equally long, and what has none
// comes first.
func stampOf(document []byte) string {
	raw, _ := rawjson.Find(document, nodeapi.FieldUpdatedAt)
	if len(raw) != nodeapi.StampBytes+2 {
		return noStamp
	}
	return string(raw[1 : len(raw)-1])
}

// noStamp stands for a stamp that is not there.
var noStamp = string(nodeapi.AppendStamp(nil, 0, 0))

// ask sends one documents/fetch to the copy. errGone says that the node knows no such index.
func (c *Creator) ask(ctx context.Context, src source, body fetchBody, stamps bool) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a, err := c.Nodes.Do(ctx, client.Request{
		Address: src.node.Address, Method: http.MethodPost, Path: "/indexes/" + src.index.Physical + "/documents/fetch",
		ContentType: "application/json", Body: raw,
		Leg: nodeapi.Leg{Epoch: src.epoch, Shards: []int{src.shard}, Count: src.index.Shards, Stamps: stamps},
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
