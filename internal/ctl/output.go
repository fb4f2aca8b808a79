package ctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/rawjson"
)

// formats are what a document can be written as.
var formats = []string{"table", "wide", "json", "yaml", "ndjson"}

func (t *tool) checkOutput() error {
	if !slices.Contains(formats, t.output) {
		return lifecycle.UsageError("--output %q is not %s", t.output, strings.Join(formats, ", "))
	}
	return nil
}

// print writes a document in the format that was asked for. rows makes the table of it, which the other formats do without.
func (t *tool) print(document json.RawMessage, rows func(wide bool) [][]string) error {
	switch t.output {
	case "json":
		_, err := fmt.Fprintf(t.stdio.Out, "%s\n", document)
		return err
	case "ndjson":
		return writeLines(t.stdio.Out, document)
	case "yaml":
		return writeYAML(t.stdio.Out, document)
	}
	return table(t.stdio.Out, rows(t.output == "wide"))
}

// plain says whether a person reads the output.
func (t *tool) plain() bool { return t.output == "table" || t.output == "wide" }

// writeLines writes the results of a list one per line, and any other document on one line.
func writeLines(out io.Writer, document []byte) error {
	results, isList := rawjson.Find(document, "results")
	if !isList || results[0] != '[' {
		return writeLine(out, document)
	}
	var err error
	rawjson.EachElement(results, func(one []byte) bool {
		err = writeLine(out, one)
		return err == nil
	})
	return err
}

func writeLine(out io.Writer, document []byte) error {
	var line bytes.Buffer
	if err := json.Compact(&line, document); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	line.WriteByte('\n')
	_, err := out.Write(line.Bytes())
	return err
}

// writeYAML writes a document as YAML, members in their order and numbers as they are: JSON is YAML, in another style.
func writeYAML(out io.Writer, document []byte) error {
	var node yaml.Node
	if err := yaml.Unmarshal(document, &node); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	block(&node)
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return enc.Close()
}

// block takes the braces and the quotes of JSON away where YAML needs none.
func block(n *yaml.Node) {
	if len(n.Content) > 0 || n.Kind == yaml.ScalarNode && !slices.Contains(words11, strings.ToLower(n.Value)) {
		n.Style = 0
	}
	for _, below := range n.Content {
		block(below)
	}
}

// words11 are texts to YAML 1.2 and truth values to readers of 1.1.
var words11 = []string{"y", "n", "yes", "no", "on", "off"}

// table prints rows in columns.
func table(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				_, _ = fmt.Fprint(w, "\t") // errors surface in Flush
			}
			_, _ = fmt.Fprint(w, oneLine(cell))
		}
		_, _ = fmt.Fprintln(w)
	}
	return w.Flush()
}

// oneLine keeps what a cluster says from breaking the table or the terminal.
func oneLine(cell string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, cell)
}
