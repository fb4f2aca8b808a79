package lifecycle

import (
	"context"
	"fmt"
	"strings"
)

// Command is one word of a binary's command line.
type Command struct {
	Name    string
	Summary string
	Run     RunFunc
}

// Dispatch returns the command that runs one of several, chosen by its first argument.
func Dispatch(binary, purpose string, commands ...Command) RunFunc {
	return func(ctx context.Context, args []string, stdio Stdio) error {
		name := "help"
		if len(args) > 0 {
			name = args[0]
		}
		for _, c := range commands {
			if c.Name == name {
				return c.Run(ctx, args[1:], stdio)
			}
		}
		switch name {
		case "help", "-h", "-help", "--help":
			_, err := fmt.Fprint(stdio.Out, overview(binary, purpose, commands))
			return err
		default:
			return UsageError("unknown command %q; see %s help", name, binary)
		}
	}
}

func overview(binary, purpose string, commands []Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: %s COMMAND [flags]    (%s COMMAND --help lists the flags)\n\n", purpose, binary, binary)
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-12s %s\n", c.Name, c.Summary)
	}
	return b.String()
}
