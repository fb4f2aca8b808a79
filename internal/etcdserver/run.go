package etcdserver

import (
	"context"
	"flag"
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// Run is the command `miroir etcd`: one member until ctx ends.
func Run(ctx context.Context, args []string, stdio lifecycle.Stdio) error {
	var (
		options Options
		logging = telemetry.LogOptions{Component: "etcd"}
		flags   = flag.NewFlagSet("miroir etcd", flag.ContinueOnError)
	)
	flags.SetOutput(stdio.Err)
	flags.StringVar(&options.DataDir, "data-dir", "", "directory of the member's data (required)")
	flags.StringVar(&options.ListenClient, "listen-client", "http://127.0.0.1:2379", "URL for clients")
	flags.StringVar(&options.ListenPeer, "listen-peer", "http://127.0.0.1:2380", "URL for other members")
	logging.RegisterFlags(flags)
	if err := lifecycle.ParseFlags(flags, args); err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stdio.Err, logging)
	if err != nil {
		return lifecycle.UsageError("%v", err)
	}
	if _, err := options.config(); err != nil {
		return lifecycle.UsageError("%v", err)
	}
	options.Log = memberLog(stdio.Err)
	server, err := Start(ctx, options)
	if err != nil {
		return err
	}
	log.Info().Str("endpoint", server.Endpoint()).Msg("etcd serves")
	failure := server.Wait(ctx)
	server.Stop()
	if failure != nil {
		return fmt.Errorf("run: %w", failure)
	}
	log.Info().Msg("etcd stopped")
	return nil
}

// memberLog is etcd's own log: JSON under our field names, warnings and worse only, for etcd tells much at info.
func memberLog(out io.Writer) *zap.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey, encoder.MessageKey, encoder.CallerKey = "timestamp", "message", zapcore.OmitKey
	encoder.EncodeTime = zapcore.RFC3339TimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(out)), zap.WarnLevel)
	return zap.New(core).With(zap.String("component", "etcd"))
}
