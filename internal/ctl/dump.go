package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/dump"
)

func (t *tool) dumpCommand() *cobra.Command {
	return t.group("dump", "Take a dump of the cluster, or import one into it", "miroir-ctl dump import old.dump",
		t.dumpCreate(), t.dumpList(), t.dumpGet(), t.dumpAnalyze(), t.dumpImport(), t.dumpStatus(), t.dumpCancel())
}

func (t *tool) dumpCreate() *cobra.Command {
	var out string
	c := leaf("create", "Write a dump of the whole cluster into the coordinator's folder", "miroir-ctl dump create --file cluster.dump",
		cobra.NoArgs, func(c *cobra.Command, _ []string) error {
			var accepted struct {
				TaskUID uint32 `json:"task_uid"`
			}
			document, err := t.do(c.Context(), http.MethodPost, "/_miroir/dumps", nil, &accepted)
			if err != nil {
				return err
			}
			if !t.wait && out == "" {
				return t.print(document, func(bool) [][]string {
					return [][]string{{fmt.Sprintf("task %d writes the dump", accepted.TaskUID)}}
				})
			}
			one, document, err := t.ended(c.Context(), accepted.TaskUID)
			if err != nil {
				return err
			}
			if one.Error != nil {
				return fmt.Errorf("the dump was not written: %s", one.Error)
			}
			var details struct {
				DumpUID string `json:"dumpUid"`
			}
			if err := json.Unmarshal(one.Details, &details); err != nil {
				return fmt.Errorf("read the coordinator's answer: %w", err)
			}
			if out != "" {
				if err := t.download(c.Context(), details.DumpUID, out); err != nil {
					return err
				}
			}
			return t.print(document, func(bool) [][]string { return [][]string{{details.DumpUID}} })
		})
	c.Flags().StringVar(&out, "file", "", "wait for the dump, and download it to this file")
	return c
}

// shownDump is what this tool reads of a dump in the folder.
type shownDump struct {
	UID       string    `json:"uid"`
	Size      int64     `json:"size_bytes"`
	CreatedAt time.Time `json:"created_at"`
}

func (t *tool) dumpList() *cobra.Command {
	return leaf("list", "List the dumps in the coordinator's folder", "miroir-ctl dump list", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		var all struct{ Results []shownDump }
		document, err := t.do(c.Context(), http.MethodGet, "/_miroir/dumps", nil, &all)
		if err != nil {
			return err
		}
		return t.print(document, func(bool) [][]string {
			rows := [][]string{{"DUMP", "SIZE", "CREATED"}}
			for _, d := range all.Results {
				rows = append(rows, []string{d.UID, bytesText(d.Size), d.CreatedAt.Format(time.RFC3339)})
			}
			return rows
		})
	})
}

func (t *tool) dumpGet() *cobra.Command {
	var out string
	c := leaf("get UID", "Download a dump from the coordinator's folder", "miroir-ctl dump get 20261125-193812345 --file cluster.dump",
		cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
			if out == "" {
				out = args[0] + ".dump"
			}
			return t.download(c.Context(), args[0], out)
		})
	c.Flags().StringVar(&out, "file", "", "where to (default: UID.dump)")
	return c
}

// download gets a dump. The file has its name only when it is whole.
func (t *tool) download(ctx context.Context, uid, to string) error {
	c, err := t.connect()
	if err != nil {
		return err
	}
	res, err := c.send(ctx, request{method: http.MethodGet, path: "/_miroir/dumps/" + url.PathEscape(uid) + "/content"})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument))
		if err != nil {
			return unanswered(ctx, c.server, err)
		}
		return refused(res.StatusCode, body)
	}
	f, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*") // a dump holds secrets: only its owner may read it
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is not there any more when all went well
	bar := t.newBar("download", res.ContentLength, unitBytes)
	n, err := io.Copy(f, bar.reader(res.Body))
	bar.end()
	if err == nil && res.ContentLength >= 0 && n != res.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	return os.Rename(f.Name(), to)
}

func (t *tool) dumpAnalyze() *cobra.Command {
	c := leaf("analyze FILE", "Read a dump on this machine and say what is in it", "miroir-ctl dump analyze old.dump", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			if err := t.checkOutput(); err != nil {
				return err
			}
			sum, _, err := t.scan(c.Context(), args[0])
			if err != nil {
				return err
			}
			for i := range sum.Indexes {
				sum.Indexes[i].Settings = nil // they may hold secrets
			}
			document, err := json.Marshal(sum)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return summaryRows(sum) })
		})
	c.ValidArgsFunction = nil // a file
	return c
}

// scan reads a dump on this machine.
func (t *tool) scan(ctx context.Context, path string) (*dump.Summary, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	bar := t.newBar("scan", info.Size(), unitBytes)
	defer bar.end()
	sum, err := dump.Scan(&stoppable{ctx, f}, dump.Limits{}, bar.set)
	return sum, info.Size(), err
}

// stoppable is a file whose reading ends with a context.
type stoppable struct {
	ctx context.Context //nolint:containedctx // a reader has no other way to stop early
	f   *os.File
}

func (s *stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.f.Read(p)
}

func summaryRows(s *dump.Summary) [][]string {
	rows := [][]string{
		{"version", s.DBVersion}, {"date", s.DumpDate.Format(time.RFC3339)}, {"keys", strconv.Itoa(len(s.Keys))},
		{"tasks", strconv.FormatInt(s.Aside.Tasks, 10)}, {},
		{"INDEX", "PRIMARY KEY", "DOCUMENTS", "SIZE"},
	}
	for _, ix := range s.Indexes {
		pk := ""
		if ix.PrimaryKey != nil {
			pk = *ix.PrimaryKey
		}
		rows = append(rows, []string{ix.UID, pk, strconv.FormatInt(ix.Documents, 10), bytesText(ix.Bytes)})
	}
	return rows
}
