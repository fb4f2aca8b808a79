package ctl

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// alias is what this tool reads of an alias.
type alias struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	aliasState
	Owner   string       `json:"owner"`
	History []aliasState `json:"history"` // oldest first
}

// aliasState is what an alias stands for, or stood for until it was flipped.
type aliasState struct {
	Target  string    `json:"current_uid"`
	Targets []string  `json:"target_uids"`
	Version uint64    `json:"version"`
	Until   time.Time `json:"until"`
	By      string    `json:"by"`
}

func (s aliasState) targets() string {
	if s.Target != "" {
		return s.Target
	}
	return strings.Join(s.Targets, ",")
}

// aliasChange is the body that gives an alias its targets.
type aliasChange struct {
	Target  string   `json:"target,omitempty"`
	Targets []string `json:"targets,omitempty"`
	Force   bool     `json:"force,omitempty"`
}

// targeted is a change to one target, or to several.
func targeted(targets []string, several, force bool) aliasChange {
	if len(targets) == 1 && !several {
		return aliasChange{Target: targets[0], Force: force}
	}
	return aliasChange{Targets: targets, Force: force}
}

func aliasPath(name string) string { return "/_miroir/aliases/" + url.PathEscape(name) }

func (t *tool) aliasCommand() *cobra.Command {
	show := func(c *cobra.Command, method, path string, body any) error {
		var one alias
		document, err := t.do(c.Context(), method, path, body, &one)
		if err != nil {
			return err
		}
		return t.print(document, func(bool) [][]string { return one.rows() })
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
		t.aliasCreate(show), t.aliasFlip(show),
		leaf("delete NAME", "Delete an alias; its indexes stay", "miroir-ctl alias delete products", cobra.ExactArgs(1),
			func(c *cobra.Command, args []string) error {
				if err := t.confirm(fmt.Sprintf("Delete alias %s?", args[0])); err != nil {
					return err
				}
				_, err := t.do(c.Context(), http.MethodDelete, aliasPath(args[0]), nil, nil)
				return err
			}))
}

// changeAlias sends a change and shows what it came to.
type changeAlias func(c *cobra.Command, method, path string, body any) error

const severalHelp = "stand for a list of indexes, to read from all of them, even if it is one"

func (t *tool) aliasCreate(change changeAlias) *cobra.Command {
	var several bool
	c := leaf("create NAME TARGET...", "Make an alias of one index, or a read-only one of several", "miroir-ctl alias create products products_v1",
		cobra.MinimumNArgs(2), func(c *cobra.Command, args []string) error {
			return change(c, http.MethodPost, aliasPath(args[0]), targeted(args[1:], several, false))
		})
	c.Flags().BoolVar(&several, "several", false, severalHelp)
	return c
}

func (t *tool) aliasFlip(change changeAlias) *cobra.Command {
	var several, force bool
	c := leaf("flip NAME TARGET...", "Point an alias to another index, for all clients at once", "miroir-ctl alias flip products products_v2",
		cobra.MinimumNArgs(2), func(c *cobra.Command, args []string) error {
			if err := t.confirm(fmt.Sprintf("Point alias %s to %s?", args[0], strings.Join(args[1:], ", "))); err != nil {
				return err
			}
			return change(c, http.MethodPut, aliasPath(args[0]), targeted(args[1:], several, force))
		})
	c.Flags().BoolVar(&several, "several", false, severalHelp)
	c.Flags().BoolVar(&force, "force", false, "flip even between indexes of different primary keys")
	return c
}

// rows shows an alias with what it stood for before.
func (a alias) rows() [][]string {
	rows := aliasRows([]alias{a})
	if len(a.History) == 0 {
		return rows
	}
	rows = append(rows, []string{}, []string{"VERSION", "TARGET", "UNTIL", "BY"})
	for _, past := range slices.Backward(a.History) {
		rows = append(rows, []string{
			strconv.FormatUint(past.Version, 10), past.targets(), past.Until.Format(time.RFC3339), past.By,
		})
	}
	return rows
}

func aliasRows(list []alias) [][]string {
	rows := [][]string{{"ALIAS", "KIND", "TARGET", "VERSION", "OWNER"}}
	for _, a := range list {
		rows = append(rows, []string{a.Name, a.Kind, a.targets(), strconv.FormatUint(a.Version, 10), a.Owner})
	}
	return rows
}
