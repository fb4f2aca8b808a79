package query

import (
	"encoding/json"
	"fmt"
	"strings"
)

// filter makes a filter: text of one or more conditions, or lists of them.
func (g *generator) filter() any {
	if g.corpus.Keyed && g.chance(20) {
		return g.keyed()
	}
	switch g.pick(60, 20, 12, 8) {
	case 0:
		return g.condition()
	case 1:
		return g.expression(2)
	case 2:
		return []any{g.condition(), g.condition()}
	default:
		return []any{g.condition(), []any{g.condition(), g.condition()}}
	}
}

// expression joins conditions, with at most depth levels of parentheses.
func (g *generator) expression(depth int) string {
	if depth == 0 {
		return g.condition()
	}
	switch g.pick(35, 35, 15, 15) {
	case 0:
		return g.condition() + " AND " + g.expression(depth-1)
	case 1:
		return g.condition() + " OR " + g.expression(depth-1)
	case 2:
		return "NOT (" + g.expression(depth-1) + ")"
	default:
		return "(" + g.condition() + " OR " + g.condition() + ") AND " + g.expression(depth-1)
	}
}

func (g *generator) condition() string {
	switch g.pick(40, 35, 10, 15) {
	case 0:
		return g.textCondition(g.one(g.corpus.Texts))
	case 1:
		return g.numberCondition(g.one(g.corpus.Numbers))
	case 2:
		if len(g.corpus.Lists) > 0 {
			return g.textCondition(g.one(g.corpus.Lists))
		}
		return g.textCondition(g.one(g.corpus.Texts))
	default:
		return g.geoCondition()
	}
}

func (g *generator) textCondition(field string) string {
	value := func() string { return quoted(g.valueOf(field)) }
	switch g.pick(35, 15, 20, 8, 8, 5, 5, 4) {
	case 0:
		return field + " = " + value()
	case 1:
		return field + " != " + value()
	case 2:
		return fmt.Sprintf("%s IN [%s, %s, %s]", field, value(), value(), value())
	case 3:
		return fmt.Sprintf("%s NOT IN [%s, %s]", field, value(), value())
	case 4:
		return field + " EXISTS"
	case 5:
		return field + " NOT EXISTS"
	case 6:
		return field + " IS NOT EMPTY"
	default:
		return field + " IS NOT NULL"
	}
}

func (g *generator) numberCondition(field string) string {
	value := func() string { return g.valueOf(field) }
	switch g.pick(15, 10, 15, 15, 10, 15, 10, 10) {
	case 0:
		return field + " = " + value()
	case 1:
		return field + " != " + value()
	case 2:
		return field + " > " + value()
	case 3:
		return field + " >= " + value()
	case 4:
		return field + " < " + value()
	case 5:
		return field + " <= " + value()
	case 6:
		return fmt.Sprintf("%s %s TO %s", field, value(), value())
	default:
		return fmt.Sprintf("%s IN [%s, %s]", field, value(), value())
	}
}

func (g *generator) geoCondition() string {
	lat, lng := g.point()
	if g.chance(50) {
		return fmt.Sprintf("_geoRadius(%v, %v, %d)", lat, lng, 100_000*(1+g.random.IntN(30)))
	}
	return fmt.Sprintf("_geoBoundingBox([%v, %v], [%v, %v])", min(lat+20, 89), lng, max(lat-20, -89), max(lng-40, -180))
}

// valueOf is a value that the field has in some document, as text.
func (g *generator) valueOf(field string) string {
	for range 20 {
		switch value := g.corpus.Documents[g.random.IntN(len(g.corpus.Documents))].Fields[field].(type) {
		case string:
			return value
		case json.Number:
			return value.String()
		case []any:
			if text, ok := value[g.random.IntN(len(value))].(string); ok {
				return text
			}
		}
	}
	return "0"
}

func quoted(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
