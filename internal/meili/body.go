package meili

import (
	"bytes"
	"mime"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// CheckJSONContentType refuses a content type that JSON routes do not accept.
func CheckJSONContentType(value string) *apierr.Error {
	if value == "" {
		return MissingContentType("application/json")
	}
	media, _, err := mime.ParseMediaType(value)
	if _, subtype, ok := strings.Cut(media, "/"); err == nil && ok && (subtype == "json" || strings.HasSuffix(subtype, "+json")) {
		return nil
	}
	return InvalidContentType(value, "application/json")
}

// InvalidContentType answers a content type that the route does not accept.
func InvalidContentType(got string, accepted ...string) *apierr.Error {
	return apierr.New(apierr.InvalidContentType,
		"The Content-Type `%s` is invalid. Accepted values for the Content-Type header are: %s", got, quoteAll(accepted))
}

// MissingContentType answers a request with a body and without a content type.
func MissingContentType(accepted ...string) *apierr.Error {
	return apierr.New(apierr.MissingContentType,
		"A Content-Type header is missing. Accepted values for the Content-Type header are: %s", quoteAll(accepted))
}

// CheckBody refuses an empty or malformed JSON body.
func CheckBody(body []byte) *apierr.Error {
	if len(body) == 0 {
		return MissingPayload("json")
	}
	if err := CheckJSON(body); err != nil {
		return apierr.New(apierr.MalformedPayload, "The json payload provided is malformed. `%s`.", err.Error())
	}
	return nil
}

// MissingPayload answers a request without the body that its route needs.
func MissingPayload(format string) *apierr.Error {
	return apierr.New(apierr.MissingPayload, "A %s payload is missing.", format)
}

// readObject checks a body and visits its members.
func readObject(body []byte, p place, accepted []string, visit func(name string, value node) *apierr.Error) *apierr.Error {
	if e := CheckBody(body); e != nil {
		return e
	}
	return trimmed(body).object(p, accepted, visit)
}

// trimmed is a checked body without the white space around it.
func trimmed(body []byte) node {
	return node(bytes.TrimSpace(body))
}
