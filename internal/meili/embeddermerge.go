package meili

import (
	"slices"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
)

// defaultTemplate is the document template of embedders that have none of their own.
const defaultTemplate = `"{% for field in fields %}{% if field.is_searchable and field.value != nil %}{{ field.name }}: ` +
	`{{ field.value }}\n{% endif %}{% endfor %}"`

// embedderDefaults are the members that an embedder of a source shows without having been given.
var embedderDefaults = map[string][]member{
	"openAi": {
		{"model", node(`"text-embedding-3-small"`)}, {"documentTemplate", node(defaultTemplate)}, {"documentTemplateMaxBytes", node("400")},
	},
	"huggingFace": {{"documentTemplate", node(defaultTemplate)}, {"documentTemplateMaxBytes", node("400")}},
	"ollama":      {{"documentTemplate", node(defaultTemplate)}, {"documentTemplateMaxBytes", node("400")}},
	"rest":        {{"documentTemplate", node(defaultTemplate)}, {"documentTemplateMaxBytes", node("400")}},
}

// shownOrder is the order of members in answers, in which templates stand before what tells them apart.
var shownOrder = []string{
	"source", "model", "revision", "pooling", "apiKey", "dimensions", "binaryQuantized", "documentTemplate", "documentTemplateMaxBytes",
	"url", "indexingFragments", "searchFragments", "request", "response", "headers", "searchEmbedder", "indexingEmbedder", "distribution",
}

// applyEmbedders merges embedders by name, and each by its members. What an engine finds out by itself, such as the
// dimensions of a model, is not known here.
func applyEmbedders(old, change node) (node, *apierr.Error) {
	list := old.members()
	for _, m := range change.members() {
		i := slices.IndexFunc(list, func(o member) bool { return o.name == m.name })
		switch {
		case m.value.isNull():
			if i >= 0 {
				list = slices.Delete(list, i, i+1)
			}
			continue
		case i < 0:
			i = len(list)
			list = append(list, member{m.name, node(`{}`)})
		}
		v, e := applyEmbedder(m.name, list[i].value, m.value)
		if e != nil {
			return nil, e
		}
		list[i].value = v
	}
	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return appendObject(nil, list), nil
}

func applyEmbedder(name string, old, change node) (node, *apierr.Error) {
	was, now := old.members(), change.members()
	if string(get(was, "binaryQuantized")) == "true" && string(get(now, "binaryQuantized")) == "false" {
		return nil, apierr.New(apierr.InvalidSettingsEmbedders, "`.embedders.%s.binaryQuantized`: Cannot disable the binary quantization.\n"+
			" - Note: Binary quantization is a lossy operation that cannot be reverted.\n"+
			" - Hint: Add a new embedder that is non-quantized and regenerate the vectors.", name)
	}
	source, given := get(was, "source"), get(now, "source")
	if given != nil && !given.isNull() {
		if string(given) != string(source) {
			// Another source starts over, but keeps what every source takes.
			old = mergeObject(node(`{}`), old, []string{"apiKey", "binaryQuantized", "distribution"})
		}
		source = given
	}
	if source == nil || given != nil && given.isNull() {
		source = node(`"openAi"`)
	}
	merged := mergeObject(old, change, shownOrder).members()
	if get(merged, "source") == nil {
		merged = append(merged, member{"source", source})
	}
	for _, d := range embedderDefaults[strings.Trim(string(source), `"`)] {
		if get(merged, d.name) == nil && !hasFragments(merged, d.name) {
			merged = append(merged, d)
		}
	}
	return mergeObject(node(`{}`), appendObject(nil, merged), shownOrder), nil
}

// hasFragments says whether an embedder renders fragments in place of a template.
func hasFragments(fields []member, name string) bool {
	return strings.HasPrefix(name, "documentTemplate") && get(fields, "indexingFragments") != nil
}
