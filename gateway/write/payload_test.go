package write

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"testing"
	"testing/iotest"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
)

// recorded is one line of testdata/payloads.jsonl: a payload, and what a Meilisearch 1.50 answered to it: a refusal, or a
// task that failed, or the documents that it then had.
type recorded struct {
	Type, Query, Body, Bytes string
	Status                   int
	Code, Message            string
	Received                 int
	Failure                  *struct{ Code, Message, Type string }
	Documents                *string
}

func readRecorded(t testing.TB) []recorded {
	t.Helper()
	file, err := os.Open("testdata/payloads.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var list []recorded
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func (r recorded) payload(t testing.TB) []byte {
	t.Helper()
	if r.Bytes == "" {
		return []byte(r.Body)
	}
	raw, err := base64.StdEncoding.DecodeString(r.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// read reads a payload as the gateway does.
func (r recorded) read(payload io.Reader, index string) (*Batch, error) {
	params, e := meili.ParseDocumentParameters(r.Query)
	if e != nil {
		return nil, e
	}
	f, e := FormatOf(r.Type, params.CSVDelimiter)
	if e != nil {
		return nil, e
	}
	return Read(f, payload, Options{Index: index, Shards: 5, PrimaryKey: params.PrimaryKey, Memory: 1 << 20})
}

// RT-4, RT-7, TE-3: every payload is judged in the words of a real node, whole and byte by byte.
func TestRT7PayloadsAreJudgedAsRecorded(t *testing.T) {
	for i, r := range readRecorded(t) {
		payload := r.payload(t)
		for how, src := range map[string]io.Reader{"whole": bytes.NewReader(payload), "by bytes": iotest.OneByteReader(bytes.NewReader(payload))} {
			b, err := r.read(src, fmt.Sprintf("p%d", i))
			if wrong := r.compare(t, b, err); wrong != "" {
				t.Errorf("%s %s %.70q, %s: %s", r.Type, r.Query, payload, how, wrong)
			}
		}
	}
}

func (r recorded) compare(t *testing.T, b *Batch, err error) string {
	t.Helper()
	var refused *apierr.Error
	switch {
	case errors.As(err, &refused):
		if refused.Status != r.Status || string(refused.Code) != r.Code || refused.Message != r.Message {
			return fmt.Sprintf("\n got %d %s %s\nwant %d %s %s", refused.Status, refused.Code, refused.Message, r.Status, r.Code, r.Message)
		}
		return ""
	case err != nil:
		return err.Error()
	case r.Status != 202:
		return fmt.Sprintf("accepted, want %d %s", r.Status, r.Message)
	case b.Received != r.Received:
		return fmt.Sprintf("%d documents, want %d", b.Received, r.Received)
	case r.Failure != nil && b.Failure == nil:
		return "sound, want " + r.Failure.Message
	case r.Failure != nil:
		if string(b.Failure.Code) != r.Failure.Code || b.Failure.Message != r.Failure.Message || string(b.Failure.Type) != r.Failure.Type {
			return fmt.Sprintf("\n got %s %s\nwant %s %s", b.Failure.Code, b.Failure.Message, r.Failure.Code, r.Failure.Message)
		}
		return ""
	case b.Failure != nil:
		return "fails: " + b.Failure.Message
	}
	var want []map[string]any
	if err := json.Unmarshal([]byte("["+*r.Documents+"]"), &want); err != nil {
		t.Fatal(err)
	}
	if got := indexed(t, b); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		return fmt.Sprintf("\n got %v\nwant %v", got, want)
	}
	return ""
}

// indexed is what an index holds that was written the batch: of documents with one id the last.
func indexed(t *testing.T, b *Batch) []map[string]any {
	t.Helper()
	body, _ := b.Body([]int{0, 1, 2, 3, 4})
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	var docs []map[string]any
	at := map[string]int{}
	for line := range bytes.Lines(raw) {
		l, err := nodeapi.SplitDocument(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		var d map[string]any
		if err := json.Unmarshal(l.Document, &d); err != nil {
			t.Fatalf("%s: %v", l.Document, err)
		}
		if i, known := at[string(l.ID)]; known {
			docs[i] = d
			continue
		}
		at[string(l.ID)] = len(docs)
		docs = append(docs, d)
	}
	return docs
}
