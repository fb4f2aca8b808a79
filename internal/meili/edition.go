package meili

import (
	"encoding/json"

	"github.com/miroir-search/miroir/internal/apierr"
)

// FeatureEdition is the feature that lets functions edit documents.
const FeatureEdition = "editDocumentsByFunction"

// Edition is the body of POST documents/edit.
type Edition struct {
	Function string
	Context  json.RawMessage // nil for none
	Filter   *string         // as tasks show it; nil for none
}

// ParseEdition reads the body of POST documents/edit. What the function, the filter and the context say is for the nodes.
func ParseEdition(body []byte) (Edition, *apierr.Error) {
	var in Edition
	given := false
	at := root(apierr.BadRequest)
	e := readObject(body, at, []string{"filter", "context", "function"}, func(name string, v node) *apierr.Error {
		if name == "function" {
			function, e := v.str(at.key(name, apierr.InvalidDocumentEditionFunctionFilter))
			in.Function, given = function, true
			return e
		}
		if v.isNull() {
			return nil
		}
		switch text := appendSerde(nil, v); name {
		case "filter":
			shown := string(text)
			in.Filter = &shown
		case "context":
			in.Context = text
		}
		return nil
	})
	if e == nil && !given {
		e = root(apierr.MissingDocumentEditionFunction).missing("function")
	}
	return in, e
}

// EditionNotEnabled refuses functions while their feature is off.
func EditionNotEnabled() *apierr.Error {
	return FeatureNotEnabled("Using the documents edit route", "edit documents by function", 762)
}
