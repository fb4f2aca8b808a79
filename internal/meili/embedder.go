package meili

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// embedderSources are the kinds of embedders, in the order in which Meilisearch lists them.
var embedderSources = []string{"openAi", "huggingFace", "ollama", "userProvided", "rest", "composite"}

// embedderFields are the members of an embedder in the order of answers.
var embedderFields = []canonField{
	{name: "source", read: canonNullable(canonOneOf(embedderSources...))},
	{name: "model", read: canonNullable(canonString)},
	{name: "revision", read: canonNullable(canonString)},
	{name: "pooling", read: canonNullable(canonOneOf("useModel", "forceCls", "forceMean"))},
	{name: "apiKey", read: canonNullable(canonString)},
	{name: "dimensions", read: canonNullable(canonUint(maxUint))},
	{name: "binaryQuantized", read: canonNullable(canonBool)},
	{name: "documentTemplate", read: canonNullable(canonString)},
	{name: "documentTemplateMaxBytes", read: canonNullable(canonUint(maxUint))},
	{name: "url", read: canonNullable(canonString)},
	{name: "indexingFragments", read: canonNullable(canonMap(canonNullable(canonFragment)))},
	{name: "searchFragments", read: canonNullable(canonMap(canonNullable(canonFragment)))},
	{name: "request", read: canonNullable(canonAnything)},
	{name: "response", read: canonNullable(canonAnything)},
	{name: "headers", read: canonNullable(canonMap(canonString))},
	{name: "searchEmbedder", read: canonNullable(canonAnything)},
	{name: "indexingEmbedder", read: canonNullable(canonAnything)},
	{name: "distribution", read: canonNullable(canonDistribution)},
}

var canonEmbedder = canonObject(embedderFields, nil)

var canonFragment = canonObject([]canonField{{name: "value", read: canonAnything, required: true}}, nil)

var canonDistribution = canonObject([]canonField{
	{name: "mean", read: canonFloat32, required: true}, {name: "sigma", read: canonFloat32, required: true},
}, func(list []member, p place) *apierr.Error {
	mean, _ := strconv.ParseFloat(string(get(list, "mean")), 64)
	sigma, _ := strconv.ParseFloat(string(get(list, "sigma")), 64)
	switch {
	case mean < 0 || mean > 1:
		return p.invalid("the distribution mean must be in the range [0, 1], got " + strconv.FormatFloat(mean, 'f', -1, 32))
	case sigma <= 0 || sigma > 1:
		return p.invalid("the distribution sigma must be in the range ]0, 1], got " + strconv.FormatFloat(sigma, 'f', -1, 32))
	}
	return nil
})

func canonFloat32(v node, p place) ([]byte, *apierr.Error) {
	f, e := v.float(p)
	b := strconv.AppendFloat(nil, f, 'f', -1, 32)
	if !slices.Contains(b, '.') {
		b = append(b, ".0"...)
	}
	return b, e
}

// checkEmbedders refuses embedders that cannot work whatever the index has: fields that the source does not know or lacks.
// Templates, addresses and the form of requests are for the nodes to judge, and so are embedders behind features.
func checkEmbedders(v node) *apierr.Error {
	for _, m := range v.members() {
		if m.value.isNull() {
			continue
		}
		fields := m.value.members()
		if experimentalEmbedder(fields, nil) != nil {
			continue // its feature is on: the nodes judge
		}
		if e := checkEmbedder(m.name, fields); e != nil {
			return e
		}
	}
	return nil
}

func experimentalEmbedder(fields []member, on map[string]bool) *apierr.Error {
	given := func(name string) bool {
		v := get(fields, name)
		return v != nil && !v.isNull()
	}
	composite, multimodal := !on["compositeEmbedders"], !on["multimodal"]
	switch {
	case composite && string(get(fields, "source")) == `"composite"`:
		return FeatureNotEnabled("using `\"composite\"` as source", "composite embedders", 816)
	case composite && given("searchEmbedder"):
		return FeatureNotEnabled("setting `searchEmbedder`", "composite embedders", 816)
	case composite && given("indexingEmbedder"):
		return FeatureNotEnabled("setting `indexingEmbedder`", "composite embedders", 816)
	case multimodal && given("indexingFragments"):
		return FeatureNotEnabled("setting `indexingFragments`", "multimodal", 846)
	case multimodal && given("searchFragments"):
		return FeatureNotEnabled("setting `searchFragments`", "multimodal", 846)
	}
	return nil
}

func checkEmbedder(name string, fields []member) *apierr.Error {
	bad := func(format string, args ...any) *apierr.Error {
		return apierr.New(apierr.InvalidSettingsEmbedders, "`.embedders."+name+format, args...)
	}
	if string(get(fields, "dimensions")) == "0" {
		return bad(".dimensions`: `dimensions` cannot be zero")
	}
	source, ok := rawjson.Unquote(get(fields, "source"))
	if !ok || judgedFirst(fields) {
		return nil // what the source is depends on the embedder at hand
	}
	for _, field := range checkOrder {
		v := get(fields, field)
		switch fieldStatus(source, field) {
		case mandatory:
			if v == nil || v.isNull() {
				return bad("`: Missing field `%s` (note: this field is mandatory for source `%s`)", field, source)
			}
		case unavailable:
			if v != nil {
				return bad("`: Field `%s` unavailable for source `%s`.\n  - note: `%s` is available for sources: %s\n  - note: available fields "+
					"for source `%s`: %s", field, source, field, quoteAll(sourcesOf(field)), source, quoteAll(fieldsOf(source)))
			}
		}
	}
	if model, ok := rawjson.Unquote(get(fields, "model")); ok && source == "openAi" && !slices.Contains(openAIModels, model) {
		return bad(".model`: Invalid model `%s` for OpenAI. Supported models: [%s]", model, quoteWith(openAIModels, `"`))
	}
	return nil
}

// judgedFirst says whether an embedder has members that Meilisearch judges before their source, and that only nodes can.
func judgedFirst(fields []member) bool {
	for _, name := range []string{"documentTemplate", "request"} {
		if v := get(fields, name); v != nil && !v.isNull() {
			return true
		}
	}
	url, given := rawjson.Unquote(get(fields, "url"))
	return given && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://")
}

var openAIModels = []string{"text-embedding-ada-002", "text-embedding-3-small", "text-embedding-3-large"}

// checkOrder is the order in which Meilisearch looks at the members, listOrder the one in which it lists them.
var (
	checkOrder = []string{
		"model", "revision", "pooling", "dimensions", "apiKey", "url", "indexingFragments", "searchFragments", "request", "response",
		"documentTemplate", "documentTemplateMaxBytes", "headers", "searchEmbedder", "indexingEmbedder",
	}
	listOrder = []string{
		"source", "model", "revision", "pooling", "apiKey", "dimensions", "documentTemplate", "documentTemplateMaxBytes", "url",
		"indexingFragments", "searchFragments", "request", "response", "headers", "searchEmbedder", "indexingEmbedder", "distribution",
		"binaryQuantized",
	}
)

type status int

const (
	unavailable status = iota
	available
	mandatory
)

// sourceFields lists what every source takes beside what all take; a mark at the end makes a member mandatory.
var sourceFields = map[string]string{
	"openAi":       "model apiKey documentTemplate documentTemplateMaxBytes dimensions url",
	"huggingFace":  "model revision pooling documentTemplate documentTemplateMaxBytes",
	"ollama":       "model! documentTemplate documentTemplateMaxBytes url apiKey dimensions",
	"userProvided": "dimensions!",
	"rest":         "url! request! response! apiKey dimensions documentTemplate documentTemplateMaxBytes headers indexingFragments searchFragments",
	"composite":    "searchEmbedder! indexingEmbedder!",
}

func fieldStatus(source, field string) status {
	switch field {
	case "source", "distribution", "binaryQuantized":
		return available
	}
	for f := range strings.FieldsSeq(sourceFields[source]) {
		if name, must := strings.CutSuffix(f, "!"); name == field {
			if must {
				return mandatory
			}
			return available
		}
	}
	return unavailable
}

func sourcesOf(field string) []string {
	return slices.DeleteFunc(slices.Clone(embedderSources), func(s string) bool { return fieldStatus(s, field) == unavailable })
}

func fieldsOf(source string) []string {
	return slices.DeleteFunc(slices.Clone(listOrder), func(f string) bool { return fieldStatus(source, f) == unavailable })
}

// maskEmbedders hides the keys of embedders as answers do.
func maskEmbedders(v node) node {
	if len(v) == 0 || v[0] != '{' {
		return v
	}
	list := v.members()
	for i, m := range list {
		if m.value.isNull() {
			continue
		}
		fields := m.value.members()
		for j, f := range fields {
			if key, ok := rawjson.Unquote(f.value); ok && f.name == "apiKey" {
				fields[j].value = rawjson.AppendQuoted(nil, maskSecret(key))
			}
		}
		list[i].value = appendObject(nil, fields)
	}
	return appendObject(nil, list)
}

// maskSecret keeps the first characters of a secret, the more the longer it is.
func maskSecret(s string) string {
	keep, mask := 5, "XXXXXX..."
	switch n := len(s); {
	case n < 10:
		keep, mask = 0, "XXX..."
	case n < 20:
		keep, mask = 2, "XXXX..."
	case n < 30:
		keep, mask = 3, "XXXXX..."
	}
	for keep < len(s) && !utf8.RuneStart(s[keep]) {
		keep++
	}
	return s[:keep] + mask
}
