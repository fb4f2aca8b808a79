package query

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
)

// Kind is what a request asks for.
type Kind string

// Kinds of requests.
const (
	Search      Kind = "search"
	Keyed       Kind = "search by ids"
	SearchGet   Kind = "search by GET"
	FacetSearch Kind = "facet search"
	Multi       Kind = "multi-search"
	Federated   Kind = "federated search"
	Blended     Kind = "federated search by vectors"
	Semantic    Kind = "semantic and hybrid search"
	Similar     Kind = "similar"
	Documents   Kind = "documents"
	Bad         Kind = "bad request"
)

// Query is one request.
type Query struct {
	Number int // with the seed it makes the query again
	Kind   Kind
	Index  string
	Method string
	Path   string
	Body   map[string]any // sent as JSON, or by GET as parameters; nil for none
}

// Payload is the body as it is sent, nil for none. Equal queries have equal bytes.
func (q Query) Payload() []byte {
	if q.Body == nil || q.Method == "GET" {
		return nil
	}
	raw, err := json.Marshal(q.Body)
	if err != nil { // only what JSON can say is put into bodies
		panic(err)
	}
	return raw
}

// Target is the path with its parameters.
func (q Query) Target() string {
	if q.Body == nil || q.Method != "GET" {
		return q.Path
	}
	values := url.Values{}
	for key, value := range q.Body {
		values.Set(key, parameter(value))
	}
	return q.Path + "?" + values.Encode()
}

// parameter writes a value as the GET form has it.
func parameter(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		parts := make([]string, len(value))
		for i, part := range value {
			parts[i] = parameter(part)
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(value)
	}
}

// With is the query with members of its body set; nil takes one away.
func (q Query) With(members map[string]any) Query {
	body := maps.Clone(q.Body)
	if body == nil {
		body = map[string]any{}
	}
	for key, value := range members {
		if value == nil {
			delete(body, key)
		} else {
			body[key] = value
		}
	}
	q.Body = body
	return q
}

// Without is the query without members of its body.
func (q Query) Without(members ...string) Query {
	q.Body = maps.Clone(q.Body)
	for _, key := range members {
		delete(q.Body, key)
	}
	return q
}

// Has says whether the body has a member.
func (q Query) Has(member string) bool {
	_, ok := q.Body[member]
	return ok
}

// Text is a member as text, empty where there is none.
func (q Query) Text(member string) string {
	text, _ := q.Body[member].(string)
	return text
}

// paging is where the query says which page it wants.
func (q Query) paging() map[string]any {
	if federation, ok := q.Body["federation"].(map[string]any); ok {
		return federation
	}
	return q.Body
}

// Exhaustive says whether totals are counted to the end.
func (q Query) Exhaustive() bool {
	_, page := q.paging()["page"]
	_, size := q.paging()["hitsPerPage"]
	return page || size
}

// Window is the ranks of the page that is asked for: from the first up to, but without, the last.
func (q Query) Window() (from, to int) {
	whole := func(member string, otherwise int) int {
		if n, ok := q.paging()[member].(int); ok {
			return n
		}
		return otherwise
	}
	if q.Exhaustive() {
		page, size := whole("page", 1), whole("hitsPerPage", 20)
		if page == 0 {
			return 0, 0
		}
		return (page - 1) * size, page * size
	}
	from = whole("offset", 0)
	return from, from + whole("limit", 20)
}

// Queries are the searches of a multi-search, each as a search of its own.
func (q Query) Queries() []Query {
	list, _ := q.Body["queries"].([]any)
	single := make([]Query, 0, len(list))
	for _, part := range list {
		body, _ := part.(map[string]any)
		uid, _ := body["indexUid"].(string)
		one := Query{Number: q.Number, Kind: Search, Index: uid, Method: "POST", Path: "/indexes/" + uid + "/search", Body: body}
		single = append(single, one.Without("indexUid", "federationOptions"))
	}
	return single
}

// Curl is the command that sends the query to a server.
func (q Query) Curl(server, key string) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	command := fmt.Sprintf("curl -s -X %s %s -H %s", q.Method, quote(server+q.Target()), quote("Authorization: Bearer "+key))
	if payload := q.Payload(); payload != nil {
		command += " -H 'Content-Type: application/json' -d " + quote(string(payload))
	}
	return command
}
