package golden

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/miroir-search/miroir/internal/parts"
)

// Names are the recorded files, without their extension, in the order in which they were recorded.
func Names() []string {
	return []string{"indexes", "documents", "keys", "settings", "search", "tasks"}
}

// Entry is one recorded request with its answer.
type Entry struct {
	N        int             `json:"n"`
	Request  Request         `json:"request"`
	Response Response        `json:"response"`
	Task     json.RawMessage `json:"task"` // the finished task, if the recorder waited for one
	Note     string          `json:"note"`
}

// Request is what was sent. At most one of Body, RawBody and BodyFile is there.
type Request struct {
	Method      string          `json:"method"`
	Path        string          `json:"path"` // with the query string
	Body        json.RawMessage `json:"body"`
	RawBody     *string         `json:"rawBody"`
	BodyFile    string          `json:"bodyFile"` // NDJSON below the shared folder, sent as one array
	ContentType Header          `json:"contentType"`
	Auth        Header          `json:"auth"`
}

// Response is what came back; Body is null for an empty one.
type Response struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// Header is a header value that may be left to its default, be given, or be left out on purpose (null).
type Header struct {
	Given bool
	Value *string
}

// UnmarshalJSON tells null from absent.
func (h *Header) UnmarshalJSON(raw []byte) error {
	h.Given = true
	return json.Unmarshal(raw, &h.Value)
}

// Shared is the folder beside the project that holds the recordings and the data they use.
func Shared() (string, error) {
	bin, err := parts.TreeBin()
	if err != nil {
		return "", err
	}
	shared := filepath.Join(filepath.Dir(bin), "..", "shared")
	if _, err := os.Stat(filepath.Join(shared, "golden")); err != nil {
		return "", fmt.Errorf("the recorded answers are missing: no folder golden in %s, which belongs beside the project: %w",
			filepath.Clean(shared), err)
	}
	return shared, nil
}

// Load reads a recorded file.
func Load(shared, name string) ([]Entry, error) {
	path := filepath.Join(shared, "golden", name+".jsonl")
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recorded answers: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	var entries []Entry
	for {
		var entry Entry
		switch err := decoder.Decode(&entry); {
		case errors.Is(err, io.EOF):
			if len(entries) == 0 {
				return nil, fmt.Errorf("recorded answers: %s is empty", path)
			}
			return entries, nil
		case err != nil:
			return nil, fmt.Errorf("recorded answers: %s, entry %d: %w", path, len(entries), err)
		}
		entries = append(entries, entry)
	}
}

// payload is the request body, or nil for none.
func (r Request) payload(shared string) ([]byte, error) {
	switch {
	case r.RawBody != nil:
		return []byte(*r.RawBody), nil
	case r.BodyFile != "":
		return asArray(filepath.Join(shared, filepath.FromSlash(r.BodyFile)))
	default:
		return r.Body, nil
	}
}

// asArray reads the lines of an NDJSON file as one JSON array.
func asArray(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("request body: %w", err)
	}
	defer func() { _ = file.Close() }()
	out := bytes.NewBufferString("[")
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if out.Len() > 1 {
				out.WriteByte(',')
			}
			out.Write(line)
		}
		if errors.Is(err, io.EOF) {
			out.WriteByte(']')
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, fmt.Errorf("request body: %w", err)
		}
	}
}
