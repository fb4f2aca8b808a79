package write

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/apierr"
)

// cutAll cuts a payload, whole and in small pieces, which must come to the same.
func cutAll(t *testing.T, media string, payload []byte) (docs []string, err error) {
	t.Helper()
	run := func(r io.Reader) (docs []string, err error) {
		err = formatOf(t, media).cut(r, func(d document) error {
			docs = append(docs, string(d.raw))
			return nil
		})
		var refused *apierr.Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		return docs, err
	}
	docs, err = run(bytes.NewReader(payload))
	slow, slowly := run(iotest.HalfReader(iotest.OneByteReader(bytes.NewReader(payload))))
	if !slices.Equal(docs, slow) || (err == nil) != (slowly == nil) || err != nil && err.Error() != slowly.Error() {
		t.Fatalf("%q: %q %v, in pieces %q %v", payload, docs, err, slow, slowly)
	}
	return docs, err
}

func seeds(f *testing.F, media string) {
	f.Helper()
	for _, r := range readRecorded(f) {
		if r.Type == media {
			f.Add(r.payload(f))
		}
	}
}

// objects reads raw JSON values as encoding/json does, and says whether all of them are objects.
func objects(values []json.RawMessage) (docs []string, ok bool) {
	for _, v := range values {
		docs = append(docs, string(bytes.TrimSpace(v)))
		if v = bytes.TrimSpace(v); len(v) == 0 || v[0] != '{' {
			return nil, false
		}
	}
	return docs, true
}

// unreadable says that keys or values need a closer look than encoding/json takes: then no verdict is compared.
func unreadable(payload []byte) bool {
	return !utf8.Valid(payload) || bytes.Count(payload, []byte{'['})+bytes.Count(payload, []byte{'{'}) > 100 || bytes.Contains(payload, []byte(`\u`)) || bytes.ContainsAny(payload, "eE")
}

// What encoding/json reads as a list of objects, or as one, is cut into just those; what is cut without complaint, up to
// the end of the list, encoding/json reads too.
func FuzzCutJSON(f *testing.F) {
	seeds(f, "application/json")
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := cutAll(t, "application/json", payload)
		var list []json.RawMessage
		first := json.NewDecoder(bytes.NewReader(payload))
		var value json.RawMessage
		readable := first.Decode(&value) == nil
		whole := json.Unmarshal(value, &list) == nil && list != nil
		want, all := objects(list)
		if v := bytes.TrimSpace(value); readable && len(v) > 0 && v[0] == '{' {
			whole, all = json.Valid(payload), true
			want = []string{string(v)}
		}
		switch {
		case unreadable(payload):
		case err == nil && (!readable || !whole || !all):
			t.Fatalf("%q is cut into %q, encoding/json reads none", payload, got)
		case readable && whole && all && (err != nil || !slices.Equal(got, want)):
			t.Fatalf("%q: %v %q, want %q", payload, err, got, want)
		}
	})
}

// The same for objects that follow one another.
func FuzzCutLines(f *testing.F) {
	seeds(f, "application/x-ndjson")
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := cutAll(t, "application/x-ndjson", payload)
		if len(payload) == 0 || unreadable(payload) {
			return
		}
		var values []json.RawMessage
		d := json.NewDecoder(bytes.NewReader(payload))
		var end error
		for end == nil {
			var v json.RawMessage
			if end = d.Decode(&v); end == nil {
				values = append(values, v)
			}
		}
		want, all := objects(values)
		if sound := errors.Is(end, io.EOF) && all; sound != (err == nil) || sound && !slices.Equal(got, want) {
			t.Fatalf("%q: %v %q, want %q (%v)", payload, err, got, want, end)
		}
	})
}

// Where encoding/csv, which is stricter with quotes, reads records, the same cells are read here.
func FuzzCutCSV(f *testing.F) {
	seeds(f, "text/csv")
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, err := cutAll(t, "text/csv", payload)
		if bytes.ContainsRune(payload, '\r') || !utf8.Valid(payload) || bytes.HasPrefix(payload, byteMark) {
			return
		}
		r := csv.NewReader(bytes.NewReader(payload))
		r.FieldsPerRecord = -1
		want, wrong := r.ReadAll()
		if wrong != nil {
			return
		}
		own, e := newCSVReader(newWindow(bytes.NewReader(payload)), ',')
		if e != nil {
			t.Fatal(e)
		}
		for i, record := range want {
			ok, e := own.next()
			if i > 0 && len(record) != len(want[0]) {
				if err == nil || e == nil || !strings.Contains(e.Error(), "fields, but the previous record has") {
					t.Fatalf("%q: record %d has %d cells: %v", payload, i, len(record), e)
				}
				return
			}
			if !ok || e != nil || len(own.ends) != len(record) {
				t.Fatalf("%q: record %d is %q: %v", payload, i, record, e)
			}
			for k, cell := range record {
				if string(own.cellAt(k)) != cell {
					t.Fatalf("%q: %q, want %q", payload, own.cellAt(k), cell)
				}
			}
		}
		if ok, e := own.next(); ok || e != nil {
			t.Fatalf("%q: more than %d records, %v", payload, len(want), e)
		}
	})
}
