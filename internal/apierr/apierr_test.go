package apierr

import (
	"encoding/json"
	"net/http"
	"testing"
)

// ER-1: codes that Meilisearch has too carry its status and type.
func TestKinds(t *testing.T) {
	for code, want := range map[Code]kind{
		InvalidAPIKey:              {http.StatusForbidden, TypeAuth},
		MissingAuthorizationHeader: {http.StatusUnauthorized, TypeAuth},
		IndexNotFound:              {http.StatusNotFound, TypeInvalidRequest},
		IndexAlreadyExists:         {http.StatusConflict, TypeInvalidRequest},
		DocumentNotFound:           {http.StatusNotFound, TypeInvalidRequest},
		TaskNotFound:               {http.StatusNotFound, TypeInvalidRequest},
		PayloadTooLarge:            {http.StatusRequestEntityTooLarge, TypeInvalidRequest},
		MalformedPayload:           {http.StatusBadRequest, TypeInvalidRequest},
		MissingContentType:         {http.StatusUnsupportedMediaType, TypeInvalidRequest},
		NoSpaceLeftOnDevice:        {http.StatusUnprocessableEntity, TypeSystem},
		TooManySearchRequests:      {http.StatusServiceUnavailable, TypeSystem},
		RequiresEnterpriseEdition:  {http.StatusUnavailableForLegalReasons, TypeInvalidRequest},
		Internal:                   {http.StatusInternalServerError, TypeInternal},
		UnretrievableDocument:      {http.StatusBadRequest, TypeInternal},
		MiroirNoQuorum:             {http.StatusServiceUnavailable, TypeSystem},
		MiroirReservedField:        {http.StatusBadRequest, TypeInvalidRequest},
		"of_another_version":       {http.StatusBadRequest, TypeInvalidRequest},
	} {
		e := New(code, "x")
		if e.Status != want.status || e.Type != want.typ || e.Link != "https://docs.meilisearch.com/errors#"+string(code) {
			t.Errorf("%s is %+v, want %+v", code, e, want)
		}
	}
}

func TestJSONIsMeilisearchs(t *testing.T) {
	message := "a <b> & \"c\" \u2028 %d%%"
	e := New(InvalidDocumentID, "%s", message)
	const want = "{\"message\":\"a <b> & \\\"c\\\" \u2028 %d%%\",\"code\":\"invalid_document_id\",\"type\":\"invalid_request\"," +
		"\"link\":\"https://docs.meilisearch.com/errors#invalid_document_id\"}"
	if got := string(e.JSON()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	back := Parse(http.StatusBadRequest, e.JSON())
	if *back != *e {
		t.Errorf("%+v reads back as %+v", e, back)
	}
	if b, err := json.Marshal(map[string]*Error{"e": nil}); err != nil || string(b) != `{"e":null}` {
		t.Errorf("%s %v", b, err)
	}
}

func TestParse(t *testing.T) {
	for _, body := range []string{"", "x", "{}", "null", `{"message":"m"}`} {
		if e := Parse(http.StatusTeapot, []byte(body)); e.Status != http.StatusBadGateway || e.Code != Internal {
			t.Errorf("%q: %+v", body, e)
		}
	}
	if e := Parse(http.StatusInternalServerError, nil); e.Status != http.StatusInternalServerError {
		t.Errorf("%+v", e)
	}
}
