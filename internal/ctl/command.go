package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// tool is one call of miroir-ctl.
type tool struct {
	stdio   lifecycle.Stdio
	server  string
	key     string
	output  string
	timeout time.Duration
}

// Run is the whole of miroir-ctl.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	t := &tool{stdio: stdio}
	root := t.command()
	root.SetArgs(args)
	root.SetIn(stdio.In)
	root.SetOut(stdio.Out)
	root.SetErr(stdio.Err)
	return root.ExecuteContext(ctx)
}

func (t *tool) command() *cobra.Command {
	root := &cobra.Command{
		Use: "miroir-ctl", Short: "Operates a Miroir cluster through its coordinator.",
		Example:      "  miroir-ctl status --server http://127.0.0.1:7710",
		SilenceUsage: true, SilenceErrors: true,
		// A word that is no command is a wrong call, not a wish for help.
		Args: func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	flags := root.PersistentFlags()
	flags.StringVar(&t.server, "server", envOr("MIROIR_SERVER", "http://127.0.0.1:7710"), "URL of a coordinator (env MIROIR_SERVER)")
	flags.StringVar(&t.key, "admin-key", "", "admin key; MIROIR_ADMIN_API_KEY wins, and does not show in process lists")
	flags.StringVarP(&t.output, "output", "o", "table", "table or json")
	flags.DurationVar(&t.timeout, "timeout", 30*time.Second, "longest wait for an answer")
	root.AddCommand(t.statusCommand(), t.nodeCommand(), t.versionCommand())
	return root
}

func (t *tool) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what this binary was built from", Example: "  miroir-ctl version",
		Args: func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, args []string) error { return telemetry.PrintBuild(c.Context(), args, t.stdio) },
	}
}

// fetch gets a document. The caller prints it, unless the document itself was asked for.
func (t *tool) fetch(ctx context.Context, path string, into any) (printed bool, err error) {
	if t.output != "table" && t.output != "json" {
		return false, lifecycle.UsageError("--output %q is not table or json", t.output)
	}
	key, err := t.adminKey()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	c := &client{server: t.server, key: key, http: &http.Client{}}
	document, err := c.get(ctx, path)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(document, into); err != nil {
		return false, fmt.Errorf("read the coordinator's answer: %w", err)
	}
	if t.output == "json" {
		_, err := fmt.Fprintf(t.stdio.Out, "%s\n", document)
		return true, err
	}
	return false, nil
}

// adminKey looks the key up in the order of CT-2, and says so when a flag is not what counts.
func (t *tool) adminKey() (string, error) {
	key := os.Getenv("MIROIR_ADMIN_API_KEY")
	switch {
	case key != "" && t.key != "":
		_, _ = fmt.Fprintln(t.stdio.Err, "miroir-ctl: --admin-key is ignored, MIROIR_ADMIN_API_KEY is set")
	case t.key != "":
		_, _ = fmt.Fprintln(t.stdio.Err, "miroir-ctl: process lists show --admin-key; MIROIR_ADMIN_API_KEY is safer")
		key = t.key
	case key == "":
		return "", lifecycle.ExitError{Code: exitAuth, Err: errors.New("no admin key: set MIROIR_ADMIN_API_KEY")}
	}
	return key, nil
}

// table prints rows in columns.
func table(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for _, cell := range row {
			_, _ = fmt.Fprintf(w, "%s\t", cell) // errors surface in Flush
		}
		_, _ = fmt.Fprintln(w)
	}
	return w.Flush()
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return lifecycle.UsageError("%v", err)
}

func envOr(variable, otherwise string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}
