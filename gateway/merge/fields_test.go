package merge

import (
	"errors"
	"strings"
	"testing"
)

func anyField(string, func(string) bool) bool { return true }

// What is no list of fields is no answer; nothing is guessed out of half a list.
func TestFieldsOfNoList(t *testing.T) {
	req := FieldsRequest{Limit: 20, Displayed: func(string) bool { return true }, Keep: anyField}
	good := []byte(`{"results":[{"name":"a"}]}`)
	for _, bad := range []string{``, `{}`, `[]`, `{"results":{}}`, `{"results":[{"displayed":{}}]}`, `{"results":[{"name":1}]}`, `{"results":[{"name":"b"},1]}`} {
		for _, legs := range [][][]byte{{[]byte(bad)}, {good, []byte(bad)}} {
			if body, err := Fields(req, legs); !errors.Is(err, ErrAnswer) {
				t.Errorf("%s: %s, %v", bad, body, err)
			}
		}
	}
}

// Names are compared as they are meant, not as they are written, and sorted by their bytes as an engine does; a description
// keeps its text, members that are not known here included.
func TestFieldsByName(t *testing.T) {
	req := FieldsRequest{Offset: 0, Limit: 9, Displayed: func(name string) bool { return name == "é" }, Keep: anyField}
	body, err := Fields(req, [][]byte{
		[]byte(`{"results":[{"name":"é","displayed":{"enabled":true},"new":[1.0]},{"name":"z","displayed":{"enabled":true}}]}`),
		[]byte(`{"results":[{"name":"\u00e9","displayed":{"enabled":false}},{"name":"Z"}]}`),
	})
	want := `{"results":[{"name":"Z"},{"name":"z","displayed":{"enabled":false}},{"name":"é","displayed":{"enabled":true},"new":[1.0]}],` +
		`"offset":0,"limit":9,"total":3}`
	if err != nil || strings.TrimSpace(string(body)) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, body, want)
	}
}
