package query

import (
	"fmt"
	"strings"
)

// keyed makes a filter that names documents by their ids, alone or among other conditions.
func (g *generator) keyed() any {
	switch g.pick(45, 15, 15, 15, 10) {
	case 0:
		return g.byKey()
	case 1:
		return g.byKey() + " AND " + g.condition()
	case 2:
		return g.byKey() + " OR " + g.byKey()
	case 3:
		return []any{[]any{g.byKey(), g.byKey()}, "NOT " + g.condition()}
	default:
		return "(" + g.byKey() + " OR " + g.condition() + ") AND NOT " + g.byKey()
	}
}

// byKey is one condition on the primary key.
func (g *generator) byKey() string {
	key := g.corpus.PrimaryKey
	switch g.pick(55, 30, 5, 10) {
	case 0:
		return key + " = " + g.id()
	case 1:
		list := make([]string, g.random.IntN(6))
		for i := range list {
			list[i] = g.id()
		}
		return fmt.Sprintf("%s IN [%s]", key, strings.Join(list, ", "))
	case 2:
		return key + " != " + g.id()
	default:
		return fmt.Sprintf("%s IN [%s] AND %s NOT IN [%s]", key, g.id()+","+g.id(), key, g.id())
	}
}

// id is the id of some document, often in another form that an engine takes for the same.
func (g *generator) id() string {
	id := g.valueOf(g.corpus.PrimaryKey)
	switch g.pick(60, 15, 10, 5, 5, 5) {
	case 1:
		id = strings.ToUpper(id)
	case 2:
		id = strings.ToLower(id)
	case 3:
		id = "0" + id
	case 4:
		id += ".0"
	case 5:
		id += "x"
	}
	if g.chance(50) {
		return quoted(id)
	}
	return id
}
