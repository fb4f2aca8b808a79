package leg

import (
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

// RT-7: errors list attributes as an engine with these displayedAttributes does.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		code            apierr.Code
		settings        string
		message, wanted string
	}{
		{apierr.InvalidSearchSort, `{"displayedAttributes":["title","x"]}`, "Index `b`: Attribute `n` is not sortable. Available sortable attributes are: `_geo, price, title`.",
			"Index `b`: Attribute `n` is not sortable. Available sortable attributes are: `title, <..hidden-attributes>`."},
		{apierr.InvalidSearchSort, `{"displayedAttributes":["x"]}`, "Attribute `n` is not sortable. Available sortable attributes are: `price`.",
			"Attribute `n` is not sortable. This index does not have configured sortable attributes."},
		{apierr.InvalidSearchSort, `{"displayedAttributes":["*"]}`, "Available sortable attributes are: `price`.", "Available sortable attributes are: `price`."},
		{apierr.InvalidSearchDistinct, `{"displayedAttributes":["a","b"]}`, "Available filterable attributes patterns are: `a, b`.", "Available filterable attributes patterns are: `a, b`."},
		{apierr.InvalidSearchDistinct, `{"displayedAttributes":[]}`, "x. Available filterable attributes patterns are: `a, b`.", "x. This index does not have configured filterable attributes."},
		{apierr.InvalidSearchAttributesToSearchOn, `{"displayedAttributes":["b"]}`, "Available searchable attributes are: `a`.", "Available searchable attributes are: `, <..hidden-attributes>`."},
		{apierr.InvalidSearchFilter, `{"displayedAttributes":["b"]}`, "Available filterable attributes patterns are: `a`.", "Available filterable attributes patterns are: `a`."},
	} {
		got := ParseSettings([]byte(c.settings)).Refusal(apierr.New(c.code, "%s", c.message))
		if got.Message != c.wanted {
			t.Errorf("%s\nwant %s", got.Message, c.wanted)
		}
	}
}
