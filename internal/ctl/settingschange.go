package ctl

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// settingsPreview is what this tool reads of a preview.
type settingsPreview struct {
	Changes []struct {
		Setting string          `json:"setting"`
		From    json.RawMessage `json:"from"`
		To      json.RawMessage `json:"to"`
		Reindex bool            `json:"reindex"`
	} `json:"changes"`
	Hash string `json:"hash"`
}

func settingsPath(index, verb string) string {
	return "/_miroir/indexes/" + url.PathEscape(index) + "/settings/" + verb
}

func (t *tool) previewCommand() *cobra.Command {
	return leaf("preview INDEX SETTINGS", "Show what a change would do, and change nothing; SETTINGS is JSON, or @ and a file with it",
		`miroir-ctl settings preview movies '{"stopWords":["the"]}'`, cobra.ExactArgs(2), func(c *cobra.Command, args []string) error {
			text := []byte(args[1])
			if name, ok := strings.CutPrefix(args[1], "@"); ok {
				var err error
				if text, err = os.ReadFile(name); err != nil {
					return lifecycle.UsageError("%v", err)
				}
			}
			if !json.Valid(text) {
				return lifecycle.UsageError("the settings are no JSON")
			}
			var p settingsPreview
			body := map[string]json.RawMessage{"settings": text}
			document, err := t.do(c.Context(), http.MethodPost, settingsPath(args[0], "preview"), body, &p)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string {
				if len(p.Changes) == 0 {
					return [][]string{{"nothing would change"}}
				}
				rows := [][]string{{"SETTING", "REINDEX", "FROM", "TO"}}
				for _, one := range p.Changes {
					rows = append(rows, []string{one.Setting, yesNo(one.Reindex), string(one.From), string(one.To)})
				}
				return rows
			})
		})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// againCommand is a command that makes a task of a change.
func (t *tool) againCommand(verb, short, question string) *cobra.Command {
	return leaf(verb+" INDEX", short, "miroir-ctl settings "+verb+" movies --wait", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			if err := t.confirm(fmt.Sprintf(question, args[0])); err != nil {
				return err
			}
			var accepted struct {
				TaskUID uint32 `json:"task_uid"`
			}
			document, err := t.do(c.Context(), http.MethodPost, settingsPath(args[0], verb), nil, &accepted)
			if err != nil {
				return err
			}
			if !t.wait {
				return t.print(document, func(bool) [][]string { return [][]string{{fmt.Sprintf("task %d does it", accepted.TaskUID)}} })
			}
			one, document, err := t.ended(c.Context(), accepted.TaskUID)
			if err != nil {
				return err
			}
			if one.Error != nil {
				return fmt.Errorf("task %d failed: %s", accepted.TaskUID, one.Error)
			}
			return t.print(document, func(bool) [][]string { return one.rows() })
		})
}
