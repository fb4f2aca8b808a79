package apierr

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// Code is the stable name of an error.
type Code string

// Type is the family of an error.
type Type string

// Types of errors.
const (
	TypeInvalidRequest Type = "invalid_request"
	TypeAuth           Type = "auth"
	TypeInternal       Type = "internal"
	TypeSystem         Type = "system"
)

// docsURL starts the link of every error.
const docsURL = "https://docs.meilisearch.com/errors#"

// Error is an error as clients see it. Status is the HTTP status and not part of the body.
type Error struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Code    Code   `json:"code"`
	Type    Type   `json:"type"`
	Link    string `json:"link"`
}

// New makes an error with the status and type of its code. Without arguments the format is the message itself.
func New(code Code, format string, args ...any) *Error {
	k := kindOf(code)
	msg := format
	if len(args) > 0 {
		msg = fmt.Sprintf(format, args...)
	}
	return &Error{Status: k.status, Message: msg, Code: code, Type: k.typ, Link: docsURL + string(code)}
}

// Uncovered is the error for shards that nobody can be asked for; ranges names them, empty for a request that is about none.
func Uncovered(ranges string) *Error {
	if ranges == "" {
		return New(MiroirShardUnavailable, "No node can be reached.")
	}
	return New(MiroirShardUnavailable, "No live copy of shards %s can be read.", ranges)
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// JSON is the body of the error, byte for byte as Meilisearch writes errors.
func (e *Error) JSON() []byte {
	b := make([]byte, 0, len(e.Message)+len(e.Link)+96)
	b = rawjson.AppendQuoted(append(b, `{"message":`...), e.Message)
	b = rawjson.AppendQuoted(append(b, `,"code":`...), string(e.Code))
	b = rawjson.AppendQuoted(append(b, `,"type":`...), string(e.Type))
	b = rawjson.AppendQuoted(append(b, `,"link":`...), e.Link)
	return append(b, '}')
}

// MarshalJSON implements json.Marshaler.
func (e *Error) MarshalJSON() ([]byte, error) { return e.JSON(), nil }

// Parse reads an error body that a node answered with the given status. A body that is none becomes an internal error,
// so that the result is never nil.
func Parse(status int, body []byte) *Error {
	var e Error
	if err := json.Unmarshal(body, &e); err != nil || e.Code == "" {
		e = *New(Internal, "A node answered with status %d and no readable error.", status)
		if status != http.StatusInternalServerError {
			e.Status = http.StatusBadGateway
		}
		return &e
	}
	e.Status = status
	return &e
}
