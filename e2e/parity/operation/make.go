package operation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/golden"
)

// Make is the n-th request of a seed. tasks is how many tasks there are before it.
func Make(seed uint64, n, tasks int) golden.Request {
	m := maker{rand.New(rand.NewPCG(seed, uint64(n))), tasks}
	shares := []struct {
		share int
		make  func() golden.Request
	}{
		{10, m.index}, {22, m.write}, {8, m.remove}, {12, m.read}, {22, m.setting}, {3, m.swap}, {9, m.task}, {2, m.end}, {6, m.key}, {4, m.search},
		{3, m.state}, {3, m.stray},
	}
	total := 0
	for _, s := range shares {
		total += s.share
	}
	for at, i := m.IntN(total), 0; ; i++ {
		if at < shares[i].share {
			r := shares[i].make()
			return m.disturb(r)
		}
		at -= shares[i].share
	}
}

// maker makes one request.
type maker struct {
	*rand.Rand
	tasks int
}

// pick takes one of several.
func pick[T any](m maker, list ...T) T { return list[m.IntN(len(list))] }

// one is true once in n times.
func (m maker) one(n int) bool { return m.IntN(n) == 0 }

// request with a JSON body. An empty body is none.
func request(method, path, body string) golden.Request {
	r := golden.Request{Method: method, Path: path}
	if body != "" {
		r.RawBody = &body
	}
	return r
}

// uid is the name of an index: mostly one of few, so that requests meet.
func (m maker) uid() string {
	if m.one(25) {
		return pick(m, "nowhere", "with space", "a.b", "é", strings.Repeat("u", 401), "a*", "*", "UPPER", "_", "-")
	}
	return pick(m, "a", "b", "c", "books", "p-1")
}

func (m maker) path(rest string) string { return "/indexes/" + url.PathEscape(m.uid()) + rest }

// text is a JSON string.
func text(s string) string {
	raw, err := json.Marshal(s)
	if err != nil { // strings always encode
		panic(err)
	}
	return string(raw)
}

// wrong is a JSON value that mostly does not belong where it is put.
func (m maker) wrong() string {
	return pick(m, "null", "true", "12", "-1", "1.5", `"text"`, `""`, "[]", `["a"]`, `[1]`, "{}", `{"a":1}`, `[null]`, "1e30", "18446744073709551615")
}

// value is the given one, or once in n times a wrong one.
func (m maker) value(n int, right string) string {
	if m.one(n) {
		return m.wrong()
	}
	return right
}

// object writes members in their order, some left out, sometimes with one that nobody knows. A name that is there twice is
// mostly written once.
func (m maker) object(members ...string) string {
	var out []string
	written := map[string]bool{}
	for i := 0; i < len(members); i += 2 {
		if m.one(3) || written[members[i]] && !m.one(40) {
			continue
		}
		written[members[i]] = true
		out = append(out, text(members[i])+":"+members[i+1])
	}
	if m.one(25) {
		name := pick(m, "unknown", "primarykey", "Uid", "stopwords", "limits", "_")
		out = append(out, text(name)+":"+m.wrong())
	}
	return "{" + strings.Join(out, ",") + "}"
}

// query writes parameters, most of them left out, sometimes with one that nobody knows.
func (m maker) query(parameters ...string) string {
	var out []string
	for i := 0; i < len(parameters); i += 2 {
		if m.IntN(3) == 0 {
			out = append(out, parameters[i]+"="+parameters[i+1])
		}
	}
	if m.one(25) {
		out = append(out, pick(m, "unknown=1", "Limit=2", "limit", "offset=&limit=", "primarykey=id"))
	}
	if len(out) == 0 {
		return ""
	}
	return "?" + strings.Join(out, "&")
}

// number is the text of a small number, or once in a while of something else.
func (m maker) number() string {
	if m.one(12) {
		return pick(m, "-1", "abc", "1.5", "", "99999999999999999999", "null", "0x1", "%20")
	}
	return fmt.Sprint(pick(m, 0, 1, 2, 3, 20, 1000))
}

// disturb damages a request once in a while: its type, its credentials, its body.
func (m maker) disturb(r golden.Request) golden.Request {
	header := func(value string) golden.Header { return golden.Header{Given: true, Value: &value} }
	switch {
	case m.one(60):
		r.ContentType = header(pick(m, "text/plain", "application/JSON", "application/json; charset=utf-8", "application/x-ndjson", "text/csv", "application/xml", "json"))
	case m.one(60):
		r.Auth = golden.Header{Given: true}
		if m.one(2) {
			r.Auth = header(pick(m, "wrong", "masterKeymasterKe", "Bearer masterKeymasterKey", "e30.e30.e30", " "))
		}
	case m.one(60) && r.RawBody != nil && len(*r.RawBody) > 1:
		cut := (*r.RawBody)[:m.IntN(len(*r.RawBody))]
		r.RawBody = &cut
	case m.one(80):
		body := pick(m, "", " ", "null", "[]", "{}", "{", "]", `"`, "{\"a\":}", "\xff\xfe", "{}{}", "// nothing")
		r.RawBody = &body
	case m.one(100):
		r.Method = pick(m, http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodOptions)
	}
	return r
}
