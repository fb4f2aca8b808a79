package ctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// defaultServer is where a coordinator is on one's own machine.
const defaultServer = "http://127.0.0.1:7710"

// defaultIngress is where clients find a cluster on one's own machine.
const defaultIngress = "http://127.0.0.1:7700"

// tool is one call of miroir-ctl.
type tool struct {
	stdio     lifecycle.Stdio
	server    string
	key       string
	context   string
	output    string
	timeout   time.Duration
	wait      bool
	yes       bool
	quiet     bool
	caFile    string
	insecure  bool
	requestID string

	bars   bool // progress is drawn, not written line by line
	client *client
}

// Run is the whole of miroir-ctl.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	t := &tool{stdio: stdio, bars: isTerminal(stdio.Err)}
	root := t.command()
	root.SetArgs(args)
	root.SetIn(stdio.In)
	root.SetOut(stdio.Out)
	root.SetErr(stdio.Err)
	return root.ExecuteContext(ctx)
}

func (t *tool) command() *cobra.Command {
	root := t.group("miroir-ctl", "Operates a Miroir cluster through its coordinator.", "miroir-ctl status --server http://127.0.0.1:7710",
		t.statusCommand(), t.nodeCommand(), t.taskCommand(), t.aliasCommand(), t.dumpCommand(), t.verifyCommand(), t.repairsCommand(), t.settingsCommand(), t.workflowCommand(), t.configCommand(), t.explainCommand(),
		t.stateCommand(), t.versionCommand(), completionCommand())
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions.DisableDefaultCmd = true // ours has examples
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	flags := root.PersistentFlags()
	flags.StringVar(&t.server, "server", "", "URL of a coordinator (env MIROIR_SERVER, then the credentials file; default "+defaultServer+")")
	flags.StringVar(&t.key, "admin-key", "", "admin key; MIROIR_ADMIN_API_KEY or the credentials file are safer, process lists show this")
	flags.StringVar(&t.context, "context", "", "which of the clusters in the credentials file")
	flags.StringVarP(&t.output, "output", "o", "table", strings.Join(formats, ", "))
	flags.DurationVar(&t.timeout, "timeout", 30*time.Second, "longest wait for an answer")
	flags.BoolVar(&t.wait, "wait", false, "wait until what was asked for is done")
	flags.BoolVar(&t.yes, "yes", false, "do not ask before something is destroyed")
	flags.BoolVar(&t.quiet, "quiet", false, "say nothing on standard error but errors")
	flags.StringVar(&t.caFile, "ca-file", "", "file with the certificates that the server's is checked against")
	flags.BoolVar(&t.insecure, "insecure-skip-tls-verify", false, "do not check the server's certificate")
	flags.StringVar(&t.requestID, "request-id", "", "X-Request-Id of all requests, to find them in logs")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return root
}

// group is a command that only has commands below it.
func (t *tool) group(use, short, example string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Example: "  " + example,
		// A word that is no command is a wrong call, not a wish for help.
		Args: func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) },
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(below...)
	return c
}

// leaf is a command that does something.
func leaf(use, short, example string, args cobra.PositionalArgs, run func(c *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: "  " + example, ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(c *cobra.Command, given []string) error { return usage(args(c, given)) }, RunE: run,
	}
}

func (t *tool) versionCommand() *cobra.Command {
	return leaf("version", "Print what this binary was built from", "miroir-ctl version", cobra.NoArgs,
		func(c *cobra.Command, args []string) error { return telemetry.PrintBuild(c.Context(), args, t.stdio) })
}

func completionCommand() *cobra.Command {
	c := leaf("completion SHELL", "Print a script that completes commands in bash, zsh, fish or powershell",
		"source <(miroir-ctl completion bash)", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
			root, out := c.Root(), c.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return lifecycle.UsageError("there is no completion for %q", args[0])
		})
	c.ValidArgsFunction = cobra.FixedCompletions([]string{"bash", "zsh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp)
	return c
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return lifecycle.UsageError("%v", err)
}

// say tells the caller something that is no data.
func (t *tool) say(format string, args ...any) {
	if !t.quiet {
		_, _ = fmt.Fprintf(t.stdio.Err, "miroir-ctl: "+format+"\n", args...)
	}
}

// errDeclined is what a command ends with that was not wanted after all.
var errDeclined = errors.New("not confirmed, nothing was done")

// confirm asks before something is destroyed.
func (t *tool) confirm(question string) error {
	if t.yes {
		return nil
	}
	_, _ = fmt.Fprintf(t.stdio.Err, "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(t.stdio.In, &answer); err != nil || !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes") {
		return errDeclined
	}
	return nil
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isCharacterDevice(f)
}
