package strip

import (
	"regexp"
	"strings"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

var (
	// lists finds the sentence in which the engine lists attributes: its words, and the names in backticks, written
	// either as `a`, `b` or as `a, b`.
	lists = regexp.MustCompile("Available ([a-z-]+) attributes?(?: patterns)? are: (`[^`]*`(?:, `[^`]*`)*)\\.")
	// physicals finds words that look like a physical index name.
	physicals = regexp.MustCompile(`[A-Za-z0-9_-]+--[0-9a-z]+`)
	// members finds a reserved member in a document that a text quotes.
	quoted = regexp.MustCompile(`,"_miroir_(?:shard|updated_at)":"[⊕-⊤]*"|"_miroir_(?:shard|updated_at)":"[⊕-⊤]*",?`)
)

// message rewrites an error text: reserved fields leave the lists of attributes and quoted documents, physical index
// names become logical ones. The rest of the text is kept.
func message(n Names, text string) string {
	if strings.Contains(text, nodeapi.ReservedPrefix) {
		text = lists.ReplaceAllStringFunc(text, unlist)
		text = quoted.ReplaceAllString(text, "")
	}
	if strings.Contains(text, "--") {
		text = physicals.ReplaceAllStringFunc(text, n.logical)
	}
	return text
}

// unlist writes one sentence without the reserved names. A list that had nothing else becomes the sentence that the
// engine uses when nothing is configured.
func unlist(sentence string) string {
	m := lists.FindStringSubmatch(sentence)
	kind, list := m[1], m[2]
	apart := strings.Contains(list, "`, `")
	sep := ", "
	if apart {
		sep = "`, `"
	}
	names := strings.Split(strings.Trim(list, "`"), sep)
	kept := names[:0]
	for _, name := range names {
		if !nodeapi.IsReserved(name) {
			kept = append(kept, name)
		}
	}
	if len(kept) == 0 && kind != "searchable" {
		return "This index does not have configured " + kind + " attributes."
	}
	return strings.Replace(sentence, list, "`"+strings.Join(kept, sep)+"`", 1)
}
