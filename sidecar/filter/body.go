package filter

import (
	"bytes"
	"errors"

	"github.com/miroir-search/miroir/sidecar/span"
)

// checks lists the members of a request in which names must be looked at.
var checks = map[string]func(raw []byte) error{
	"filter": checkFilter, "sort": checkSort, "facets": checkNames, "distinct": checkDistinct, "facetName": checkName,
	"function": checkFunction,
}

// edit replaces raw[at:to] by with.
type edit struct {
	at, to int
	with   []byte
}

// Body adds the clause to the filter member of a request body: search, facet search, similar, documents fetch, deletion
// by filter and edition have the same form. An empty clause only checks. changed is false when the body can go on as it
// is.
func Body(body []byte, clause Clause) (out []byte, changed bool, err error) {
	edits, err := object(body, 0, clause)
	switch {
	case errors.Is(err, span.ErrSyntax):
		return body, false, nil
	case err != nil:
		return nil, false, err
	}
	return apply(body, edits), len(edits) > 0, nil
}

// Multi does so for every query of a multi-search. clause tells the clause of a query's index; its error ends the walk.
func Multi(body []byte, clause func(index string) (Clause, error)) (out []byte, changed bool, err error) {
	var edits []edit
	err = span.Members(body, func(key, value []byte) error {
		name, err := span.Text(key)
		if err != nil {
			return err
		}
		switch string(name) {
		case "federation":
			return federation(value)
		case "queries":
			if len(value) == 0 || value[0] != '[' {
				return nil
			}
			return span.Elements(value, func(query []byte) error {
				c, err := queryClause(query, clause)
				if err != nil {
					return err
				}
				more, err := object(query, offset(body, query), c)
				edits = append(edits, more...)
				return err
			})
		}
		return nil
	})
	switch {
	case errors.Is(err, span.ErrSyntax):
		return body, false, nil
	case err != nil:
		return nil, false, err
	}
	return apply(body, edits), len(edits) > 0, nil
}

// queryClause finds the index that a query names and asks for its clause.
func queryClause(query []byte, clause func(string) (Clause, error)) (Clause, error) {
	index, found := "", false
	err := span.Members(query, func(key, value []byte) error {
		if name, err := span.Text(key); err != nil || string(name) != "indexUid" {
			return err
		}
		text, err := span.Text(value)
		if err == nil {
			index, found = string(text), true
		}
		return nil //nolint:nilerr // an index that is no text is the engine's business
	})
	if err != nil || !found {
		return "", err
	}
	return clause(index)
}

// federation checks the names in the federation member of a multi-search.
func federation(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	return span.Members(raw, func(key, value []byte) error {
		name, err := span.Text(key)
		if err != nil {
			return err
		}
		switch {
		case string(name) == "distinct":
			return checkName(value)
		case string(name) == "facetsByIndex" && len(value) > 0 && value[0] == '{':
			return span.Members(value, func(_, facets []byte) error { return checkNames(facets) })
		}
		return nil
	})
}

// object checks one request object and says what must change in it; base is where it starts in the whole body. Where a
// member occurs twice every one of them gets the clause, for the engine takes one of them.
func object(obj []byte, base int, clause Clause) (edits []edit, err error) {
	filtered, members := false, 0
	err = span.Members(obj, func(key, value []byte) error {
		members++
		name, err := span.Text(key)
		if err != nil {
			return err
		}
		check, known := checks[string(name)]
		if !known {
			return nil
		}
		if err := check(value); err != nil {
			return err
		}
		if string(name) != "filter" || clause == "" {
			return nil
		}
		filtered = true
		if with, ok := clause.conjoin(value); ok {
			at := base + offset(obj, value)
			edits = append(edits, edit{at, at + len(value), with})
		}
		return nil
	})
	if err != nil || clause == "" || filtered {
		return edits, err
	}
	at := bytes.LastIndexByte(obj, '}')
	with := join(`"filter":`, quote(string(clause)))
	if members > 0 {
		with = join(",", with)
	}
	return append(edits, edit{base + at, base + at, with}), nil
}

// offset is where part, a slice of whole, starts in it.
func offset(whole, part []byte) int { return cap(whole) - cap(part) }

func apply(body []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return body
	}
	out := make([]byte, 0, len(body)+len(edits)*64+len(edits[0].with))
	from := 0
	for _, e := range edits {
		out = append(append(out, body[from:e.at]...), e.with...)
		from = e.to
	}
	return append(out, body[from:]...)
}
