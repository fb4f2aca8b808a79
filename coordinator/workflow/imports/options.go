package imports

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
)

// What to do with an index that exists and has documents.
const (
	ExistingFail  = "fail"  // nothing is imported
	ExistingMerge = "merge" // documents of the dump replace those of the same ids
	// ExistingReplace imports into indexes of their own, and puts those into the place of what is there when all is in them.
	ExistingReplace = "replace"
)

// What to do with a document that can not be written.
const (
	BadFail = "fail" // the import stops there
	BadSkip = "skip" // it is counted and left out
)

// Options are what a caller may choose.
type Options struct {
	Existing string `json:"on_existing"`
	Bad      string `json:"on_bad_document"`
	Settings bool   `json:"settings"`
	Keys     bool   `json:"keys"`
	// Indexes lists what is imported under which name; empty for everything under its own.
	Indexes []Renaming `json:"indexes,omitempty"`
}

// Renaming is one index to import.
type Renaming struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ParseOptions reads the query of the import routes. `index` may be repeated, and holds names or `old:new` pairs with commas
// between them.
func ParseOptions(q url.Values) (Options, *apierr.Error) {
	o := Options{Existing: ExistingFail, Bad: BadFail, Settings: true, Keys: true}
	wrong := func(name, want string) *apierr.Error {
		return apierr.New(apierr.MiroirConfigInvalid, "The parameter `%s` must be %s.", name, want)
	}
	for name := range q {
		if !slices.Contains([]string{"on_existing", "on_bad_document", "settings", "keys", "index", "offset"}, name) {
			return o, apierr.New(apierr.MiroirConfigInvalid, "The parameter `%s` is not known.", name)
		}
	}
	for _, one := range []struct {
		name    string
		into    *string
		allowed []string
	}{{"on_existing", &o.Existing, []string{ExistingFail, ExistingMerge, ExistingReplace}}, {"on_bad_document", &o.Bad, []string{BadFail, BadSkip}}} {
		if v := q.Get(one.name); v != "" {
			if *one.into = v; !slices.Contains(one.allowed, v) {
				return o, wrong(one.name, strings.Join(one.allowed, " or "))
			}
		}
	}
	for name, into := range map[string]*bool{"settings": &o.Settings, "keys": &o.Keys} {
		switch q.Get(name) {
		case "", "import":
		case "skip":
			*into = false
		default:
			return o, wrong(name, "import or skip")
		}
	}
	if o.Existing == ExistingReplace && !o.Settings {
		return o, apierr.New(apierr.MiroirConfigInvalid, "What is replaced gets the settings of the dump: `on_existing=replace` and `settings=skip` exclude each other.")
	}
	for _, list := range q["index"] {
		for _, item := range strings.Split(list, ",") {
			from, to, renamed := strings.Cut(item, ":")
			if !renamed {
				to = from
			}
			if !meili.ValidIndexUID(from) || !meili.ValidIndexUID(to) {
				return o, wrong("index", "a list of names of indexes, or of pairs `old:new`")
			}
			o.Indexes = append(o.Indexes, Renaming{from, to})
		}
	}
	return o, nil
}

// target is the name under which an index of the dump is imported; ok is false when it is left out.
func (o Options) target(uid string) (name string, ok bool) {
	if len(o.Indexes) == 0 {
		return uid, true
	}
	for _, r := range o.Indexes {
		if r.From == uid {
			return r.To, true
		}
	}
	return "", false
}

// JobID is the id of an import: the same file with the same options is the same job, so that whoever asks again finds the
// one under way.
func JobID(fingerprint string, o Options) string {
	raw, err := json.Marshal(o)
	if err != nil { // strings and flags always encode
		panic(err)
	}
	sum := sha256.Sum256(append([]byte(fingerprint+"\n"), raw...))
	return hex.EncodeToString(sum[:8])
}
