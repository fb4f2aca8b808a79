package auth

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/key"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// claims are the members of a token's payload that matter here, as raw JSON. Until the signature is checked they only
// choose who checks it.
type claims struct {
	head, algorithm                        []byte
	payload                                []byte
	issuer, keyUID, rules, until, audience []byte
}

// peek reads the payload of a token in the form of a JWT: three parts in base64url, of which the first is an object with
// an algorithm (AU-7).
func peek(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] == "" {
		return claims{}, false
	}
	head, ok := object(parts[0])
	if _, err := base64.RawURLEncoding.DecodeString(parts[2]); !ok || err != nil || member(head, "alg") == nil {
		return claims{}, false
	}
	payload, ok := object(parts[1])
	if !ok {
		return claims{}, false
	}
	return claims{
		head: head, algorithm: member(head, "alg"), payload: payload, issuer: member(payload, "iss"), keyUID: member(payload, "apiKeyUid"), rules: member(payload, "searchRules"),
		until: member(payload, "exp"), audience: member(payload, "aud"),
	}, true
}

// object decodes one part of a token that must hold a JSON object.
func object(part string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || meili.CheckJSON(raw) != nil {
		return nil, false
	}
	raw = bytes.TrimSpace(raw)
	return raw, raw[0] == '{'
}

// member finds a member of an object by its exact name; nil when there is none.
func member(obj []byte, name string) (value []byte) {
	rawjson.EachMember(obj, func(k, v []byte) bool {
		if got, _ := rawjson.Unquote(k); got == name {
			value = v
		}
		return true
	})
	return value
}

// checkToken checks a token in the form of a JWT. Tokens that Miroir issues itself are those of the search page, all
// others are tenant tokens.
func (c *Checker) checkToken(op operation.Operation, token string, cl claims) (kind string, g Grant, e *apierr.Error) {
	if text(cl.issuer) == "miroir" || cl.keyUID == nil {
		// No search page is served, so nobody has issued such a token.
		return kindUI, g, apierr.New(apierr.MiroirJWTInvalid, "The provided token is invalid.")
	}
	if op.Action != key.ActionSearch && op.Action != "chatCompletions" {
		return kindToken, g, meili.InvalidAPIKey()
	}
	if g.rules, e = c.tenant(token, cl); e != nil {
		return kindToken, g, e
	}
	uid, _ := meili.ParseUUID(text(cl.keyUID))
	if g.key = c.ring.Load().byUID[uid]; g.key == nil {
		return kindToken, g, meili.InvalidAPIKey()
	}
	g.now = c.now()
	return kindDenied, g, g.allows(op)
}

// text is a JSON string's value, empty for anything else.
func text(raw []byte) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	s, _ := rawjson.Unquote(raw)
	return s
}

// hmacs are the algorithms of tenant tokens (AU-9). The others are only told from what is no algorithm at all.
var (
	hmacs           = []string{"HS256", "HS384", "HS512"}
	otherAlgorithms = []string{"ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"}
)

// tenant checks a tenant token's claims, signature and time, and returns its rules. That the key it was made with exists
// is not asked here: its value follows from its uid.
func (c *Checker) tenant(token string, cl claims) (*rules, *apierr.Error) {
	if name := text(cl.algorithm); !slices.Contains(hmacs, name) && !slices.Contains(otherAlgorithms, name) {
		return nil, undecodable("JSON error: unknown variant `" + name + "`, expected one of `" +
			strings.Join(append(slices.Clone(hmacs), otherAlgorithms...), "`, `") + "`" + at(cl.head, cl.algorithm))
	}
	uid, fault := meili.ParseUUID(text(cl.keyUID))
	switch {
	case cl.keyUID[0] != '"':
		return nil, undecodable("JSON error: " + meili.UnexpectedType(cl.keyUID, "a formatted UUID string") + at(cl.payload, cl.keyUID))
	case fault != "":
		return nil, undecodable("JSON error: UUID parsing failed: " + fault + at(cl.payload, cl.keyUID))
	}
	if cl.rules == nil {
		return nil, undecodable("JSON error: missing field `searchRules`" + at(cl.payload, cl.payload))
	}
	r, ok := parseRules(cl.rules)
	if !ok {
		return nil, undecodable("JSON error: data did not match any variant of untagged enum SearchRules" + after(cl.payload, cl.rules))
	}
	until, limited, ok := expiry(cl.until)
	if !ok {
		return nil, undecodable("JSON error: " + meili.UnexpectedType(cl.until, "i64") + at(cl.payload, cl.until))
	}
	if !slices.Contains(hmacs, text(cl.algorithm)) {
		return nil, undecodable("InvalidAlgorithm")
	}
	if !c.signed(token, uid) {
		return nil, undecodable("InvalidSignature")
	}
	if len(cl.audience) > 0 && (cl.audience[0] == '"' || cl.audience[0] == '[') {
		return nil, undecodable("InvalidAudience") // nobody is named as its audience
	}
	if now := c.now().Unix(); limited && now > until {
		return nil, invalid("Tenant token expired. Was valid up to `%d` and we're now `%d`.", until, now)
	}
	return r, nil
}

// signed checks the signature under the value of a key, under the previous master key's too.
func (c *Checker) signed(token, uid string) bool {
	parser := jwt.NewParser(jwt.WithValidMethods(hmacs), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
	return slices.ContainsFunc(c.masters, func(master string) bool {
		_, err := parser.Parse(token, func(*jwt.Token) (any, error) { return []byte(key.Value(master, uid)), nil })
		return err == nil
	})
}

// expiry reads the exp claim: whole seconds, null, or nothing.
func expiry(raw []byte) (until int64, limited, ok bool) {
	if len(raw) == 0 || raw[0] == 'n' {
		return 0, false, true
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, true, err == nil
}

func undecodable(why string) *apierr.Error {
	return invalid("Could not decode tenant token, %s.", why)
}

// at says where a value inside of a text ends, as Meilisearch's reader of JSON counts.
func at(text, value []byte) string { return position(text, cap(text)-cap(value)+len(value)) }

// after says where the reader stands once it looked for what follows a member: in front of a comma, or behind the end of
// the object.
func after(text, value []byte) string {
	end := rawjson.Space(text, cap(text)-cap(value)+len(value))
	if end < len(text) && text[end] == '}' {
		end++
	}
	return position(text, end)
}

func position(text []byte, end int) string {
	line := 1 + bytes.Count(text[:end], []byte{'\n'})
	column := end - 1 - bytes.LastIndexByte(text[:end], '\n')
	return fmt.Sprintf(" at line %d column %d", line, column)
}
