package meili

import "github.com/miroir-search/miroir/internal/apierr"

// FieldsQuery asks for the fields of an index.
type FieldsQuery struct {
	Offset, Limit int
	Patterns      []string // of names, of which one must match; nil: any name
	// Enabled says of capabilities, by their names in an answer, whether a field must have them or must not.
	Enabled map[string]bool
}

// The members of the body and of its filter, in the order in which Meilisearch lists them.
var (
	fieldsMembers = []string{"offset", "limit", "filter"}

	fieldsFilterList = []searchField{
		{"attributePatterns", apierr.InvalidIndexFieldsFilterAttributePatterns, orNull(isStrings)},
		{"displayed", apierr.InvalidIndexFieldsFilterDisplayed, orNull(isBoolean)},
		{"searchable", apierr.InvalidIndexFieldsFilterSearchable, orNull(isBoolean)},
		{"sortable", apierr.InvalidIndexFieldsFilterSortable, orNull(isBoolean)},
		{"distinct", apierr.InvalidIndexFieldsFilterDistinct, orNull(isBoolean)},
		{"rankingRule", apierr.InvalidIndexFieldsFilterRankingRule, orNull(isBoolean)},
		{"filterable", apierr.InvalidIndexFieldsFilterFilterable, orNull(isBoolean)},
	}
	fieldsFilterMembers = fieldNames(fieldsFilterList)
	fieldsFilterTable   = fieldTable(fieldsFilterList)
)

// ParseFieldsBody reads the body of POST fields.
func ParseFieldsBody(body []byte) (*FieldsQuery, *apierr.Error) {
	q := &FieldsQuery{Limit: defaultLimit, Enabled: map[string]bool{}}
	at := root(apierr.BadRequest)
	e := readObject(body, at, fieldsMembers, func(name string, v node) *apierr.Error {
		switch name {
		case "offset":
			q.Offset = v.count()
			return isUint(v, at.key(name, apierr.InvalidIndexOffset))
		case "limit":
			q.Limit = v.count()
			return isUint(v, at.key(name, apierr.InvalidIndexLimit))
		}
		return q.takeFilter(v, at.key(name, apierr.InvalidIndexFieldsFilter))
	})
	return q, e
}

func (q *FieldsQuery) takeFilter(v node, p place) *apierr.Error {
	if v.isNull() {
		return nil
	}
	return v.object(p, fieldsFilterMembers, func(name string, v node) *apierr.Error {
		f := fieldsFilterTable[name]
		switch e := f.check(v, p.key(name, f.code)); {
		case e != nil:
			return e
		case v.isNull():
		case name == "attributePatterns":
			q.Patterns, _ = v.strings(place{})
		default:
			q.Enabled[name] = v[0] == 't'
		}
		return nil
	})
}
