package ctl

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// alias is what this tool reads of an alias.
type alias struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Target  string   `json:"current_uid"`
	Targets []string `json:"target_uids"`
	Version uint64   `json:"version"`
	Owner   string   `json:"owner"`
}

// aliasChange is the body that gives an alias its targets.
type aliasChange struct {
	Name    string   `json:"name,omitempty"`
	Target  string   `json:"target,omitempty"`
	Targets []string `json:"targets,omitempty"`
}

// targeted is a change to one target, or to several.
func targeted(targets []string) aliasChange {
	if len(targets) == 1 {
		return aliasChange{Target: targets[0]}
	}
	return aliasChange{Targets: targets}
}

func aliasPath(name string) string { return "/_miroir/aliases/" + url.PathEscape(name) }

func (t *tool) aliasCommand() *cobra.Command {
	show := func(c *cobra.Command, method, path string, body any) error {
		var one alias
		document, err := t.do(c.Context(), method, path, body, &one)
		if err != nil {
			return err
		}
		return t.print(document, func(bool) [][]string { return aliasRows([]alias{one}) })
	}
	return t.group("alias", "Look at aliases and change them", "miroir-ctl alias flip products products_v2",
		leaf("list", "List all aliases", "miroir-ctl alias list", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
			var all struct{ Results []alias }
			document, err := t.do(c.Context(), http.MethodGet, "/_miroir/aliases", nil, &all)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return aliasRows(all.Results) })
		}),
		leaf("show NAME", "Show one alias", "miroir-ctl alias show products", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
			return show(c, http.MethodGet, aliasPath(args[0]), nil)
		}),
		leaf("create NAME TARGET...", "Make an alias of one index, or a read-only one of several", "miroir-ctl alias create products products_v1",
			cobra.MinimumNArgs(2), func(c *cobra.Command, args []string) error {
				return show(c, http.MethodPost, aliasPath(args[0]), targeted(args[1:]))
			}),
		leaf("flip NAME TARGET...", "Point an alias to another index, for all readers at once", "miroir-ctl alias flip products products_v2",
			cobra.MinimumNArgs(2), func(c *cobra.Command, args []string) error {
				if err := t.confirm(fmt.Sprintf("Point alias %s to %s?", args[0], strings.Join(args[1:], ", "))); err != nil {
					return err
				}
				return show(c, http.MethodPut, aliasPath(args[0]), targeted(args[1:]))
			}),
		leaf("delete NAME", "Delete an alias; its indexes stay", "miroir-ctl alias delete products", cobra.ExactArgs(1),
			func(c *cobra.Command, args []string) error {
				if err := t.confirm(fmt.Sprintf("Delete alias %s?", args[0])); err != nil {
					return err
				}
				_, err := t.do(c.Context(), http.MethodDelete, aliasPath(args[0]), nil, nil)
				return err
			}))
}

func aliasRows(list []alias) [][]string {
	rows := [][]string{{"ALIAS", "KIND", "TARGET", "VERSION", "OWNER"}}
	for _, a := range list {
		target := a.Target
		if target == "" {
			target = strings.Join(a.Targets, ",")
		}
		rows = append(rows, []string{a.Name, a.Kind, target, strconv.FormatUint(a.Version, 10), a.Owner})
	}
	return rows
}
