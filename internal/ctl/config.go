package ctl

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/rawjson"
)

func (t *tool) configCommand() *cobra.Command {
	return t.group("config", "Look at the configuration and change it", "miroir-ctl config get",
		leaf("get [KEY]", "Show the effective configuration, or one key of it", "miroir-ctl config get coordinator.dump_dir",
			cobra.MaximumNArgs(1), func(c *cobra.Command, args []string) error {
				document, err := t.do(c.Context(), http.MethodGet, "/_miroir/config", nil, nil)
				if err != nil {
					return err
				}
				if len(args) > 0 {
					if document, err = member(document, args[0]); err != nil {
						return err
					}
				}
				return t.print(document, func(bool) [][]string { return flat(document, "") })
			}),
		leaf("set KEY VALUE", "Change a key that can be changed while everything runs", "miroir-ctl config set hedging.enabled false",
			cobra.ExactArgs(2), func(c *cobra.Command, args []string) error {
				document, err := t.do(c.Context(), http.MethodPatch, "/_miroir/config", patch(args[0], args[1]), nil)
				if err != nil {
					return err
				}
				return t.print(document, func(bool) [][]string { return flat(document, "") })
			}))
}

// member is the value under a dotted path.
func member(document json.RawMessage, path string) (json.RawMessage, error) {
	for _, name := range strings.Split(path, ".") {
		v, ok := rawjson.Find(document, name)
		if !ok {
			return nil, lifecycle.UsageError("the configuration has no key %q", path)
		}
		document = v
	}
	return document, nil
}

// patch is the merge patch that sets one key. A value that is no JSON is a text.
func patch(path, value string) any {
	var v any = value
	if json.Valid([]byte(value)) {
		v = json.RawMessage(value)
	}
	names := strings.Split(path, ".")
	for _, name := range slices.Backward(names) {
		v = map[string]any{name: v}
	}
	return v
}

// flat lists the leaves of a document with their paths.
func flat(value []byte, path string) (rows [][]string) {
	if len(value) == 0 || value[0] != '{' {
		text, ok := rawjson.Unquote(value)
		if !ok {
			text = string(value)
		}
		if path == "" {
			return [][]string{{text}}
		}
		return [][]string{{path, text}}
	}
	rawjson.EachMember(value, func(key, below []byte) bool {
		name, _ := rawjson.Unquote(key)
		if path != "" {
			name = path + "." + name
		}
		rows = append(rows, flat(below, name)...)
		return true
	})
	return rows
}
