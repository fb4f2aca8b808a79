package telemetry

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
)

// timeFormat is RFC 3339 with milliseconds, always in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// LogOptions say how a process logs. The zero value is level info as JSON.
type LogOptions struct {
	Level     string // trace, debug, info, warn, error; default info
	Format    string // json or console; default json
	Component string // gateway, sidecar, coordinator, …
	PodID     string // which one of them
}

// RegisterFlags adds the flags that every process has.
func (o *LogOptions) RegisterFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.Level, "log-level", "info", "least level that is logged: trace, debug, info, warn or error")
	flags.StringVar(&o.Format, "log-format", "json", "json (one object per line) or console")
}

// NewLogger returns the logger of a process (LO-1). Its lines carry timestamp, level, message, component and pod_id.
func NewLogger(out io.Writer, o LogOptions) (zerolog.Logger, error) {
	level := zerolog.InfoLevel
	if o.Level != "" {
		parsed, err := zerolog.ParseLevel(o.Level)
		if err != nil || parsed < zerolog.TraceLevel || parsed > zerolog.ErrorLevel {
			return zerolog.Nop(), fmt.Errorf("log level %q is not one of trace, debug, info, warn, error", o.Level)
		}
		level = parsed
	}
	var log zerolog.Logger
	switch o.Format {
	case "", "json":
		log = zerolog.New(zerolog.SyncWriter(out)).Hook(stamp{})
	case "console":
		console := zerolog.ConsoleWriter{Out: zerolog.SyncWriter(out), NoColor: true, TimeFormat: timeFormat}
		log = zerolog.New(console).With().Timestamp().Logger()
	default:
		return zerolog.Nop(), fmt.Errorf("log format %q is not one of json, console", o.Format)
	}
	fields := log.Hook(named{}).Level(level).With()
	if o.Component != "" {
		fields = fields.Str("component", o.Component)
	}
	if o.PodID != "" {
		fields = fields.Str("pod_id", o.PodID)
	}
	return fields.Logger(), nil
}

// stamp writes the time under the name that LO-1 asks for, which zerolog could otherwise only do for the whole
// process at once.
type stamp struct{}

func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str("timestamp", time.Now().UTC().Format(timeFormat))
}
