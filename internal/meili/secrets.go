package meili

import (
	"bytes"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// MapSecrets writes settings, or a change of some, with every secret in them replaced by what f makes of its raw value;
// nil leaves it out. path says which it is, as a JSON pointer, such as "/embedders/mine/apiKey". Secrets are the keys and headers of embedders.
// Where something stands that has not the form of embedders, all of it counts as one, whatever a client meant by it.
// Settings without secrets are returned as they are.
func MapSecrets(settings []byte, f func(path string, value []byte) []byte) []byte {
	if !bytes.Contains(settings, []byte("embedders")) && !bytes.Contains(settings, []byte(`\u`)) || !rawjson.Valid(settings) {
		return settings
	}
	v := trimmed(settings)
	if v.kind() != kindObject || get(v.members(), "embedders") == nil {
		return settings
	}
	return mapMembers(v, "", func(name, path string, value node) node {
		if name != "embedders" {
			return value
		}
		return mapObject(value, path, f, func(_, path string, value node) node { return mapEmbedder(value, path, f) })
	})
}

// mapEmbedder goes through one embedder, or one inside a composite one.
func mapEmbedder(v node, path string, f func(string, []byte) []byte) node {
	return mapObject(v, path, f, func(name, path string, value node) node {
		switch name {
		case "apiKey":
			return mapLeaf(value, path, f)
		case "headers":
			return mapObject(value, path, f, func(_, path string, value node) node { return mapLeaf(value, path, f) })
		case "searchEmbedder", "indexingEmbedder":
			return mapEmbedder(value, path, f)
		}
		return value
	})
}

// mapObject goes through the members of an object; anything else is one secret.
func mapObject(v node, path string, f func(string, []byte) []byte, each func(name, path string, value node) node) node {
	if v.kind() != kindObject {
		return mapLeaf(v, path, f)
	}
	return mapMembers(v, path, each)
}

func mapLeaf(v node, path string, f func(string, []byte) []byte) node {
	if v.isNull() {
		return v
	}
	return f(path, v)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func mapMembers(v node, path string, each func(name, path string, value node) node) node {
	list := v.members()
	for i, m := range list {
		list[i].value = each(m.name, path+"/"+pointerEscapes.Replace(m.name), m.value)
	}
	return appendObject(nil, slices.DeleteFunc(list, func(m member) bool { return m.value == nil }))
}

// maskEnd ends every secret that is shown masked.
const maskEnd = "XXX..."

// IsMasked says whether a raw value is a secret that is only shown masked.
func IsMasked(value []byte) bool {
	s, ok := rawjson.Unquote(value)
	return ok && strings.HasSuffix(s, maskEnd)
}

// MaskSettings writes settings as GET shows them: the keys of embedders masked, all else as it is.
func MaskSettings(settings []byte) []byte {
	return mapKeys(settings, func(_ string, value []byte) []byte {
		if key, ok := rawjson.Unquote(value); ok && !IsMasked(value) {
			return rawjson.AppendQuoted(nil, maskSecret(key))
		}
		return value
	})
}

// RevealSettings writes settings as a node shows them with the keys of embedders that candidates know: settings, or changes
// of some, in clear. The first whose key looks like the shown one when it is masked has the word. A key that none knows
// stays masked.
func RevealSettings(shown []byte, candidates ...[]byte) []byte {
	known := make([]map[string][]byte, len(candidates))
	for i, c := range candidates {
		known[i] = map[string][]byte{}
		mapKeys(c, func(path string, value []byte) []byte {
			known[i][path] = value
			return value
		})
	}
	return mapKeys(shown, func(path string, value []byte) []byte {
		for _, keys := range known {
			if key, ok := rawjson.Unquote(keys[path]); ok && !IsMasked(keys[path]) &&
				bytes.Equal(rawjson.AppendQuoted(nil, maskSecret(key)), value) {
				return keys[path]
			}
		}
		return value
	})
}

// MaskEmbedders writes the value of `embedders` as GET shows it.
func MaskEmbedders(value []byte) []byte { return alone(value, MaskSettings) }

// SendableEmbedders is the value of `embedders` to send to an engine that shows old ones so that it has want: masks are left
// out, for they would take the place of keys, and what shall not be there is removed, for engines merge embedders by name.
func SendableEmbedders(old, want []byte) []byte {
	return []byte(ReplaceEmbedders(string(old), string(alone(want, DropMasks))))
}

// Censor writes a message without the secrets in settings: what others answer to an engine may quote them.
func Censor(message string, settings []byte) string {
	MapSecrets(settings, func(_ string, value []byte) []byte {
		if secret, ok := rawjson.Unquote(value); ok && len(secret) >= leastQuoted && !IsMasked(value) {
			message = strings.ReplaceAll(message, secret, maskSecret(secret))
		}
		return value
	})
	return message
}

// leastQuoted is the length in bytes from which on a text that equals a secret is taken for a quotation of it.
const leastQuoted = 6

// HasKeys says whether a value of `embedders` in clear has a key.
func HasKeys(value []byte) bool {
	has := false
	if len(value) > 0 {
		alone(value, func(settings []byte) []byte {
			return mapKeys(settings, func(_ string, key []byte) []byte {
				has = has || !IsMasked(key)
				return key
			})
		})
	}
	return has
}

// alone does to the value of `embedders` what a function does to settings.
func alone(value []byte, do func([]byte) []byte) []byte {
	return get(node(do(appendObject(nil, []member{{"embedders", value}}))).members(), "embedders")
}

// DropMasks leaves masked keys out: sent to a node they would take the place of the keys.
func DropMasks(settings []byte) []byte {
	return mapKeys(settings, func(_ string, value []byte) []byte {
		if IsMasked(value) {
			return nil
		}
		return value
	})
}

// ReplaceEmbedders is the value of `embedders` in a change that makes an engine which shows old ones have want instead:
// engines merge them by name, so those that shall not be there are removed.
func ReplaceEmbedders(old, want string) string {
	list := node(want).members()
	for _, m := range node(old).members() {
		if get(list, m.name) == nil {
			list = append(list, member{m.name, node("null")})
		}
	}
	return string(appendObject(nil, list))
}

// TakesKey says whether embedders of a source, a raw JSON string, have a key.
func TakesKey(source []byte) bool {
	s, ok := rawjson.Unquote(source)
	return ok && fieldStatus(s, "apiKey") != unavailable
}

// mapKeys is MapSecrets for the secrets that answers mask.
func mapKeys(settings []byte, f func(path string, value []byte) []byte) []byte {
	return MapSecrets(settings, func(path string, value []byte) []byte {
		if strings.HasSuffix(path, "/apiKey") && strings.Count(path, "/") == 3 {
			return f(path, value)
		}
		return value
	})
}
