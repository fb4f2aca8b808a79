package operation

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/golden"
)

// id is a document's, as JSON.
func (m maker) id() string {
	if m.one(40) {
		return pick(m, "null", "1.5", "true", `"with space"`, `""`, "[]", `"é"`, "-1", "18446744073709551615", "18446744073709551616", `"a/b"`, "1.0", "1e2",
			text(strings.Repeat("i", 512)))
	}
	return pick(m, "1", "2", "3", "4", `"5"`, "6", "7", `"eight"`, `"n-9"`, "10", "11", "12")
}

// field is a member of a document with its value.
func (m maker) field() string {
	return pick(m,
		`"title":`+pick(m, `"The first"`, `"Second of them"`, `"third"`, `"Łódź"`, `""`, "null", `["two","titles"]`),
		`"year":`+pick(m, "1999", "2001", `"2001"`, "2001.5", "-3", "null"),
		`"genres":`+pick(m, `["a","b"]`, `"a"`, `[]`, `["B"]`),
		`"_geo":`+m.value(6, `{"lat":1.5,"lng":2}`),
		`"nested":`+pick(m, `{"id":7,"name":"x"}`, `[{"id":1},{"id":2}]`, `{"deep":{"name":"y"}}`, "3"),
		`"flag":`+pick(m, "true", "false"),
		`"other_id":`+m.id(),
		`"_vectors":`+m.value(4, `{"own":[0.1,0.2]}`))
}

func (m maker) document() string {
	members := []string{pick(m, "id", "id", "id", "id", "id", "id", "id", "id", "id", "id", "id", "isbn", "ID", "key") /* a few under another name */}
	members[0] = text(members[0]) + ":" + m.id()
	seen := map[string]bool{}
	for range m.IntN(4) {
		f := m.field()
		name, _, _ := strings.Cut(f, ":")
		if !seen[name] {
			seen[name] = true
			members = append(members, f)
		}
	}
	if m.one(30) {
		members = members[1:]
	}
	if m.one(2) {
		m.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	return "{" + strings.Join(members, ",") + "}"
}

// write is a payload of documents.
func (m maker) write() golden.Request {
	if m.one(40) {
		return m.edit()
	}
	var documents []string
	for range 1 + m.IntN(4) {
		documents = append(documents, m.document())
	}
	if m.one(30) {
		documents = append(documents, m.wrong())
	}
	r := request(pick(m, http.MethodPost, http.MethodPut), "", "")
	r.Path = m.path("/documents" + m.query("primaryKey", pick(m, "id", "id", "id", "isbn", "nested.id", "", "with%20space", "title"), "skipCreation", pick(m, "true", "false", "1", ""),
		"customMetadata", pick(m, "note", "", "%7B%22a%22%3A1%7D"), "csvDelimiter", pick(m, ",", ";", "%09", "", "ab", "%C3%A9")))
	body, kind := "", "application/json"
	switch m.IntN(6) {
	default:
		body = "[" + strings.Join(documents, ",") + "]"
	case 0:
		body, kind = strings.Join(documents, pick(m, "\n", "\r\n", "\n\n", "")), "application/x-ndjson"
	case 1:
		body = documents[0]
	case 2:
		body, kind = m.csv(), "text/csv"
	}
	r.RawBody, r.ContentType = &body, golden.Header{Given: true, Value: &kind}
	return r
}

func (m maker) csv() string {
	separator := pick(m, ",", ",", ",", ";")
	columns := []string{"id", pick(m, "title", "title:string", `"title"`), pick(m, "year:number", "year", "flag:boolean", "year:unknown", "title")}
	lines := []string{strings.Join(columns, separator)}
	for range m.IntN(4) {
		line := []string{strings.Trim(m.id(), `"`), pick(m, "one", `"two, quoted"`, `"a ""b"""`, "", "Łódź"), pick(m, "1", "2.5", "true", "x", "")}
		if m.one(12) {
			line = line[:2]
		}
		lines = append(lines, strings.Join(line, separator))
	}
	return strings.Join(lines, pick(m, "\n", "\n", "\r\n"))
}

// edit is a function over documents, which needs a feature.
func (m maker) edit() golden.Request {
	return request(http.MethodPost, m.path("/documents/edit"), m.object(
		"function", m.value(10, pick(m, `"doc.title = \"edited\""`, `"doc.year += 1"`, `"doc = ()"`, `"doc.id = 99"`, `"if doc.id == 1 { doc.flag = context.flag }"`, `"syntax ("`, `"doc.title = to_upper(doc.title)"`)),
		"filter", m.value(10, `"year > 1999"`), "context", m.value(6, `{"flag":true}`)))
}

// remove deletes documents.
func (m maker) remove() golden.Request {
	switch m.IntN(4) {
	case 0:
		return request(http.MethodDelete, m.path("/documents/"+strings.Trim(pick(m, "1", "2", "eight", "nobody", "with%20space", "%C3%A9", "0"), `"`)), "")
	case 1:
		var ids []string
		for range m.IntN(4) {
			ids = append(ids, m.id())
		}
		return request(http.MethodPost, m.path("/documents/delete-batch"), m.value(12, "["+strings.Join(ids, ",")+"]"))
	case 2:
		return request(http.MethodPost, m.path("/documents/delete"), m.object("filter", m.value(6, m.filter())))
	default:
		if m.one(3) {
			return request(http.MethodDelete, m.path("/documents"), "")
		}
		return request(http.MethodDelete, m.path(fmt.Sprintf("/documents/%d", m.IntN(12))), "")
	}
}

// filter is a JSON string, or a list.
func (m maker) filter() string {
	return pick(m, `"year > 2000"`, `"genres = a"`, `"id = 1 OR id = 2"`, `["year = 1999"]`, `[["id = 1","id = 3"]]`, `"title EXISTS"`, `"unknown = 1"`, `"year >"`, `""`, `"_geoRadius(1,2,1000)"`,
		`"_geoRadius(1,2)"`, `"genres IN [a, B]"`, `"NOT year EXISTS"`, `"year 1 TO 3000"`, `"title CONTAINS e"`, `"nested.id = 1"`, `"flag = true AND"`, `"title STARTS WITH T"`, `[[["id = 1"]]]`)
}

// read reads documents and what is known of them.
func (m maker) read() golden.Request {
	fields := pick(m, "id,title", "*", "", "nested", "nested.id", "unknown", "id,_vectors")
	switch m.IntN(8) {
	default:
		return request(http.MethodGet, m.path("/documents"+m.query("limit", pick(m, "1000", "1000", m.number()), "offset", pick(m, "0", "0", m.number()), "fields", fields, "filter", pick(m, "year%20%3E%202000", "unknown%20%3D%201", "%22", ""), "retrieveVectors", pick(m, "true", "false", "yes"),
			"ids", pick(m, "1,2", "eight", "", "1,1"), "sort", pick(m, "id:asc", "year:desc", "title", "unknown:asc"))), "")
	case 0, 1:
		return request(http.MethodPost, m.path("/documents/fetch"), m.object("limit", m.value(10, "1000"), "offset", m.value(10, "0"), "fields", m.value(6, `["id","title"]`), "filter", m.value(10, m.filter()),
			"retrieveVectors", m.value(4, "true"), "ids", m.value(6, `["1","eight","nobody"]`), "sort", m.value(4, `["id:asc"]`)))
	case 2, 3:
		return request(http.MethodGet, m.path("/documents/"+pick(m, "1", "2", "3", "5", "eight", "n-9", "nobody", "with%20space", "01")+m.query("fields", fields, "retrieveVectors", pick(m, "true", "false", "x"))), "")
	case 4:
		return request(http.MethodGet, m.path("/stats"+m.query("sizeFormat", pick(m, "raw", "x"))), "")
	case 5:
		return request(http.MethodPost, m.path("/fields"), m.object("offset", m.value(6, "0"), "limit", m.value(6, "100"), "filter", m.value(3, m.object("attributePatterns", m.value(4, `["t*","year"]`), "searchable", m.value(4, "true"), "displayed", m.value(4, "false"), "sortable", m.value(4, "true")))))
	}
}
