package meili

import (
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// PrimaryKey finds ids of documents under one name, which may be a dotted path through nested objects. A key that is
// spelled with its dots is found too.
type PrimaryKey struct {
	name   string
	levels []level
}

// level is one way to split a path: a key of the object at hand, and what is left to look for below it.
type level struct{ key, rest string }

// NewPrimaryKey makes a finder for a name.
func NewPrimaryKey(name string) PrimaryKey { return PrimaryKey{name, split(name)} }

// split lists how a path may begin: "a.b.c" by "a", by "a.b", or as a whole.
func split(path string) []level {
	var levels []level
	for i := range len(path) {
		if path[i] == '.' {
			levels = append(levels, level{path[:i], path[i+1:]})
		}
	}
	return append(levels, level{key: path})
}

// Begins says whether a raw member key, quotes included, is where a path to an id begins.
func (k PrimaryKey) Begins(key []byte) bool {
	for i := range k.levels {
		if rawjson.KeyIs(key, k.levels[i].key) {
			return true
		}
	}
	return false
}

// Name is the name that ids stand under.
func (k PrimaryKey) Name() string { return k.name }

// ID is the canonical id of a document with the given members, which are the members of the object document. It aliases
// the document where the value needs no decoding.
func (k PrimaryKey) ID(document []byte, members []rawjson.Member) ([]byte, *apierr.Error) {
	if len(k.levels) == 1 {
		return k.flat(document, members)
	}
	s := finder{}
	for i := range members {
		if !s.member(k.levels, members[i].Key, members[i].Value) {
			break
		}
	}
	return s.result(k.name, document)
}

// flat is ID for a name without dots.
func (k PrimaryKey) flat(document []byte, members []rawjson.Member) ([]byte, *apierr.Error) {
	var found []byte
	for i := range members {
		if !rawjson.KeyIs(members[i].Key, k.name) {
			continue
		}
		id, e := ParseID(members[i].Value)
		if e != nil {
			return nil, e
		}
		if found != nil {
			s := finder{many: true}
			return s.result(k.name, document)
		}
		found = id
	}
	if found == nil {
		return (&finder{}).result(k.name, document)
	}
	return found, nil
}

// FindID is the canonical id of a raw document under a primary key.
func FindID(document []byte, primaryKey string) ([]byte, *apierr.Error) {
	s := finder{}
	s.object(split(primaryKey), document)
	return s.result(primaryKey, document)
}

// finder collects what stands under a path. Members count in their order, and the first one that is wrong ends the search.
type finder struct {
	id    []byte
	many  bool
	wrong *apierr.Error
}

func (s *finder) object(levels []level, object []byte) bool {
	ok := true
	rawjson.EachMember(object, func(key, value []byte) bool {
		ok = s.member(levels, key, value)
		return ok
	})
	return ok
}

// member looks at one member and says whether the search goes on.
func (s *finder) member(levels []level, key, value []byte) bool {
	for _, l := range levels {
		if !rawjson.KeyIs(key, l.key) {
			continue
		}
		if l.rest != "" {
			return s.object(split(l.rest), value) // a value that is no object has nothing below it
		}
		id, e := ParseID(value)
		s.wrong, s.many = e, s.id != nil
		s.id = id
		return e == nil && !s.many
	}
	return true
}

func (s *finder) result(name string, document []byte) ([]byte, *apierr.Error) {
	switch {
	case s.wrong != nil:
		return nil, s.wrong
	case s.many:
		return nil, apierr.New(apierr.InvalidDocumentID, "Document have too many matching `%s` attribute: `%s`.", name,
			appendSerde(nil, document))
	case s.id == nil:
		return nil, apierr.New(apierr.MissingDocumentID, "Document doesn't have a `%s` attribute: `%s`.", name,
			appendSerde(nil, document))
	}
	return s.id, nil
}

// InferPrimaryKey finds the primary key of an index by its first document: the one top-level key that ends in "id",
// whatever its case (RT-3).
func InferPrimaryKey(document []byte) (string, *apierr.Error) {
	var candidates []string
	rawjson.EachMember(document, func(key, _ []byte) bool {
		name, ok := rawjson.Unquote(key)
		if ok && endsInID(name) && !slices.Contains(candidates, name) {
			candidates = append(candidates, name)
		}
		return true
	})
	const ask = "Please specify the primary key manually using the `primaryKey` query parameter."
	switch len(candidates) {
	case 0:
		return "", apierr.New(apierr.IndexPrimaryKeyNoCandidateFound,
			"The primary key inference failed as the engine did not find any field ending with `id` in its name. "+ask)
	case 1:
		return candidates[0], nil
	}
	slices.Sort(candidates)
	return "", apierr.New(apierr.IndexPrimaryKeyMultipleCandidatesFound,
		"The primary key inference failed as the engine found %d fields ending with `id` in their names: '%s' and '%s'. "+ask,
		len(candidates), candidates[0], candidates[1])
}

// endsInID says whether the lower-case form of a name ends in "id". No other letters have i and d as lower-case forms.
func endsInID(name string) bool {
	n := len(name)
	return n >= 2 && strings.EqualFold(name[n-2:], "id")
}
