package apierr

import (
	"encoding/json"
	"testing"
)

// What an engine refuses with is read whatever it says, and can be passed on.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"message":"m","code":"invalid_search_filter","type":"invalid_request","link":"l"}`, `{"message":"\ud800","code":7}`, `{}`, `null`, ``,
		`{"message":null,"code":"index_not_found"}`, `<html>`,
	} {
		f.Add(400, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if e := Parse(status, body); e == nil || !json.Valid(e.JSON()) {
			t.Fatalf("%d %q is read as %+v", status, body, e)
		}
	})
}
