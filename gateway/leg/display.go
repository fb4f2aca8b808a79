package leg

import (
	"slices"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/gateway/merge"
)

// wish is what a client wants to see of the hits: the attribute lists of a search, nil where not given.
type wish struct {
	retrieve, highlight, crop []string
	cropLength                int
}

// display turns the wish into what the legs are asked, given that their engines display every field, and into the veil
// that takes away again what only the merge needs.
type display struct {
	retrieve, highlight, crop []string // nil: the member is left out
	veil                      merge.Veil
}

// newDisplay restricts the lists to what is displayed (nil: everything), as an engine does: by whole names, so that a name
// below a displayed one is not displayed. needs are the fields that the merge reads.
func newDisplay(w wish, displayed []string, needs ...string) display {
	d := display{retrieve: w.retrieve, highlight: w.highlight, crop: w.crop, veil: merge.Veil{Displayed: displayed}}
	if displayed != nil {
		d.retrieve = restrict(orAll(w.retrieve), displayed)
		if w.highlight != nil {
			d.highlight = restrict(w.highlight, displayed)
		}
		if w.crop != nil {
			d.crop = restrictCrop(w, displayed)
		}
	}
	shown := orAll(d.retrieve)
	if slices.Contains(shown, "*") {
		return d
	}
	formatted := append(slices.Concat(shown, d.highlight), cropNames(d.crop)...)
	for _, need := range needs {
		if need == "" || slices.ContainsFunc(shown, func(name string) bool { return within(need, name) }) {
			continue
		}
		d.retrieve = append(slices.Clip(d.retrieve), need)
		for _, field := range prefixes(need) {
			d.veil.Extra = append(d.veil.Extra, merge.Extra{
				Field: field, Keep: below(shown, field), Formatted: below(formatted, field),
				AllFormatted: slices.Contains(formatted, "*") || slices.Contains(formatted, field),
			})
		}
	}
	return d
}

func orAll(list []string) []string {
	if list == nil {
		return []string{"*"}
	}
	return list
}

// restrict keeps the displayed attributes of a list; a star stands for all of them.
func restrict(list, displayed []string) []string {
	out := []string{}
	for _, name := range list {
		if name == "*" {
			out = append(out, displayed...)
		} else if slices.Contains(displayed, name) {
			out = append(out, name)
		}
	}
	return out
}

// restrictCrop does so for attributes to crop, which may carry the length to crop to.
func restrictCrop(w wish, displayed []string) []string {
	out := []string{}
	for _, entry := range w.crop {
		name, length := splitCrop(entry)
		switch {
		case name == "*":
			if length == "" {
				length = strconv.Itoa(w.cropLength)
			}
			for _, d := range displayed {
				out = append(out, d+":"+length)
			}
		case slices.Contains(displayed, name):
			out = append(out, entry)
		}
	}
	return out
}

// splitCrop splits an attribute to crop from its length, which is empty where none is given.
func splitCrop(entry string) (name, length string) {
	at := strings.LastIndexByte(entry, ':')
	if at < 0 {
		return entry, ""
	}
	return entry[:at], entry[at+1:]
}

func cropNames(list []string) []string {
	names := make([]string, len(list))
	for i, entry := range list {
		names[i], _ = splitCrop(entry)
	}
	return names
}

// prefixes lists the names under which a dotted field can stand in a document: the whole of it, and every shorter path.
func prefixes(field string) []string {
	out := []string{field}
	for i := range field {
		if field[i] == '.' {
			out = append(out, field[:i])
		}
	}
	return out
}

// below lists what a list of names chooses below a field.
func below(names []string, field string) []string {
	var out []string
	for _, name := range names {
		if len(name) > len(field) && within(name, field) {
			out = append(out, name[len(field)+1:])
		}
	}
	return out
}
