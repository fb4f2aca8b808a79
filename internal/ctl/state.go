package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/ctl/doctor"
	"github.com/miroir-search/miroir/internal/lifecycle"
	"github.com/miroir-search/miroir/internal/state"
)

// stateFlags say where the state is.
type stateFlags struct{ etcd, prefix, cluster string }

// shownEntry is a key of the state in answers of this tool.
type shownEntry struct {
	Key      string          `json:"key"`
	Revision int64           `json:"revision"`
	Leased   bool            `json:"leased,omitempty"`
	Value    json.RawMessage `json:"value"`
}

func (t *tool) stateCommand() *cobra.Command {
	var f stateFlags
	c := t.group("state", "Look at the shared state in etcd itself", "miroir-ctl state doctor --etcd http://127.0.0.1:2379",
		leaf("get [KEY]", "Show one key, or with a slash at its end all below it", "miroir-ctl state get indexes/ --etcd http://127.0.0.1:2379",
			cobra.MaximumNArgs(1), func(c *cobra.Command, args []string) error {
				key := ""
				if len(args) > 0 {
					key = strings.TrimPrefix(args[0], "/")
				}
				return t.stateGet(c.Context(), f, key)
			}),
		leaf("dump", "Write all keys, one JSON object per line", "miroir-ctl state dump --etcd http://127.0.0.1:2379 > state.ndjson",
			cobra.NoArgs, func(c *cobra.Command, _ []string) error {
				return t.withState(c.Context(), f, func(ctx context.Context, store *state.Client) error {
					return store.Entries(ctx, "", func(e state.Entry) error {
						raw, err := json.Marshal(show(e))
						if err != nil {
							return err
						}
						_, err = fmt.Fprintf(t.stdio.Out, "%s\n", raw)
						return err
					})
				})
			}),
		leaf("doctor", "Check every record, and whether they agree; exit code 4 when something is wrong",
			"miroir-ctl state doctor --etcd http://127.0.0.1:2379", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
				return t.stateDoctor(c.Context(), f)
			}))
	flags := c.PersistentFlags()
	flags.StringVar(&f.etcd, "etcd", os.Getenv("MIROIR_ETCD"), "client URLs of etcd, with commas between them (env MIROIR_ETCD)")
	flags.StringVar(&f.prefix, "etcd-prefix", "", "prefix of all keys in etcd (default /miroir)")
	flags.StringVar(&f.cluster, "cluster", "", "name of the cluster in etcd (default: default)")
	return c
}

// show makes JSON of a value that is none: no record of this program, but somebody may have put it there.
func show(e state.Entry) shownEntry {
	s := shownEntry{Key: e.Key, Revision: e.Revision, Leased: e.Leased, Value: e.Value}
	if !json.Valid(e.Value) {
		s.Value, _ = json.Marshal(string(e.Value)) // a text always encodes
	}
	return s
}

func (t *tool) withState(ctx context.Context, f stateFlags, do func(context.Context, *state.Client) error) error {
	if err := t.checkOutput(); err != nil {
		return err
	}
	if f.etcd == "" {
		return lifecycle.UsageError("the state commands read etcd: say where it is with --etcd")
	}
	store, err := state.Open(ctx, state.Options{Endpoints: strings.Split(f.etcd, ","), Prefix: f.prefix, Cluster: f.cluster, OpTimeout: t.timeout})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	return do(ctx, store)
}

func (t *tool) stateGet(ctx context.Context, f stateFlags, key string) error {
	return t.withState(ctx, f, func(ctx context.Context, store *state.Client) error {
		list := []shownEntry{}
		exact := key != "" && !strings.HasSuffix(key, "/")
		err := store.Entries(ctx, key, func(e state.Entry) error {
			if !exact || e.Key == key {
				list = append(list, show(e))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if exact {
			if len(list) == 0 {
				return fmt.Errorf("there is no key %s", key)
			}
			return t.print(list[0].Value, func(bool) [][]string { return [][]string{{string(list[0].Value)}} })
		}
		document, err := json.Marshal(struct {
			Results []shownEntry `json:"results"`
		}{list})
		if err != nil {
			return err
		}
		return t.print(document, func(wide bool) [][]string {
			rows := [][]string{{"KEY", "REVISION", "BYTES"}}
			for _, e := range list {
				row := []string{e.Key, strconv.FormatInt(e.Revision, 10), strconv.Itoa(len(e.Value))}
				if wide {
					row = append(row, string(e.Value))
				}
				rows = append(rows, row)
			}
			return rows
		})
	})
}

// etcdAlmostFull is the part of the quota at which an operator should act (ET-4).
const etcdAlmostFull = 0.8

func (t *tool) stateDoctor(ctx context.Context, f stateFlags) error {
	return t.withState(ctx, f, func(ctx context.Context, store *state.Client) error {
		var entries []state.Entry
		err := store.Entries(ctx, "", func(e state.Entry) error {
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			return err
		}
		usage, err := store.Usages(ctx)
		if err != nil {
			return err
		}
		findings := append(crowded(usage), doctor.Examine(entries)...)
		document, err := json.Marshal(struct {
			Keys    int              `json:"keys"`
			Results []doctor.Finding `json:"results"`
		}{len(entries), findings})
		if err != nil {
			return err
		}
		err = t.print(document, func(bool) [][]string {
			if len(findings) == 0 {
				return [][]string{{fmt.Sprintf("%d keys, nothing wrong", len(entries))}}
			}
			rows := [][]string{{"SEVERITY", "KEY", "FINDING"}}
			for _, one := range findings {
				rows = append(rows, []string{string(one.Severity), one.Key, one.Text})
			}
			return rows
		})
		for _, one := range findings {
			if err == nil && one.Severity == doctor.Wrong {
				err = lifecycle.ExitError{Code: exitDegraded, Err: fmt.Errorf("the state of the cluster is not sound")}
			}
		}
		return err
	})
}

// crowded finds members of etcd that are full, or almost, with what to do (ET-4).
func crowded(members []state.Usage) []doctor.Finding {
	found := []doctor.Finding{}
	for _, m := range members {
		for _, alarm := range m.Alarms {
			text := alarm
			if strings.Contains(strings.ToUpper(alarm), "NOSPACE") {
				text += "; writes are refused. Compact to the current revision, run `etcdctl defrag`, then `etcdctl alarm disarm`"
			}
			found = append(found, doctor.Finding{Severity: doctor.Wrong, Key: m.Endpoint, Text: text})
		}
		if m.Quota > 0 && float64(m.Bytes) > etcdAlmostFull*float64(m.Quota) {
			found = append(found, doctor.Finding{
				Severity: doctor.Loose, Key: m.Endpoint, Text: fmt.Sprintf("%s of %s used; compact and defragment", bytesText(m.Bytes), bytesText(m.Quota)),
			})
		}
	}
	return found
}
