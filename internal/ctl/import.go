package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/lifecycle"
)

// importStatus is what this tool reads of an import.
type importStatus struct {
	JobID      string         `json:"job_id"`
	State      string         `json:"state"`
	Phase      string         `json:"phase"`
	Runner     *string        `json:"runner"`
	NeedsFile  bool           `json:"needs_file"`
	Received   int64          `json:"received_bytes"`
	Size       int64          `json:"size_bytes"`
	Total      amount         `json:"total"`
	Sent       amount         `json:"sent"`
	Written    amount         `json:"written"`
	Indexes    []plannedIndex `json:"indexes"`
	Skipped    []string       `json:"skipped"`
	Rejected   int64          `json:"rejected"`
	Rejections []string       `json:"rejections"`
	Error      *taskError     `json:"error"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
}

// amount is a number of documents.
type amount struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
}

const (
	stateRunning = "running"
	stateFailed  = "failed"
)

// plannedIndex is an index that an import brings.
type plannedIndex struct {
	UID       string `json:"uid"`
	Target    string `json:"target"`
	Documents int64  `json:"documents"`
	Bytes     int64  `json:"bytes"`
	Exists    bool   `json:"exists"`
}

// importFlags are how an import was asked for.
type importFlags struct {
	file, index, existing, bad string
	noSettings, noKeys         bool
	resume, dryRun, detach     bool
}

func (f importFlags) query() string {
	q := url.Values{"on_existing": {f.existing}, "on_bad_document": {f.bad}}
	if f.index != "" {
		q.Set("index", f.index)
	}
	if f.noSettings {
		q.Set("settings", "skip")
	}
	if f.noKeys {
		q.Set("keys", "skip")
	}
	return q.Encode()
}

func (t *tool) dumpImport() *cobra.Command {
	var f importFlags
	c := leaf("import FILE", "Import the dump of one Meilisearch into the cluster", "miroir-ctl dump import old.dump --index movies,people:persons",
		cobra.MaximumNArgs(1), func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.file = args[0]
			}
			if f.file == "" {
				return lifecycle.UsageError("which file shall be imported?")
			}
			if f.dryRun {
				return t.rehearse(c.Context(), f)
			}
			return t.importFile(c.Context(), f)
		})
	c.ValidArgsFunction = nil // a file
	flags := c.Flags()
	flags.StringVar(&f.file, "file", "", "the dump; the same as the argument")
	flags.StringVar(&f.index, "index", "", "only these indexes, with commas between them; old:new gives one another name")
	flags.StringVar(&f.existing, "on-existing", "fail", "what to do when an index has documents already: fail, merge or replace")
	flags.StringVar(&f.bad, "on-bad-document", "fail", "what to do with a document that can not be written: fail or skip")
	flags.BoolVar(&f.noSettings, "skip-settings", false, "import no settings")
	flags.BoolVar(&f.noKeys, "skip-keys", false, "import no API keys")
	flags.BoolVar(&f.resume, "resume", false, "go on with an import that was interrupted; fail when there is none")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say what would be imported, and what is in the way")
	flags.BoolVar(&f.detach, "detach", false, "end when the coordinator has the file")
	c.MarkFlagsMutuallyExclusive("resume", "dry-run")
	return c
}

func (t *tool) dumpStatus() *cobra.Command {
	return leaf("status [JOB]", "Show imports, or one of them", "miroir-ctl dump status", cobra.MaximumNArgs(1),
		func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				var one importStatus
				document, err := t.do(c.Context(), http.MethodGet, importPath(args[0])+"/status", nil, &one)
				if err != nil {
					return err
				}
				return t.print(document, func(bool) [][]string { return append(importRows(one), one.notes()...) })
			}
			var all struct{ Results []importStatus }
			document, err := t.do(c.Context(), http.MethodGet, "/_miroir/dumps/import", nil, &all)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return importRows(all.Results...) })
		})
}

func (t *tool) dumpCancel() *cobra.Command {
	return leaf("cancel JOB", "End an import that is under way; what was written stays", "miroir-ctl dump cancel 0123456789abcdef", cobra.ExactArgs(1),
		func(c *cobra.Command, args []string) error {
			var one importStatus
			document, err := t.do(c.Context(), http.MethodPost, importPath(args[0])+"/cancel", nil, &one)
			if err != nil {
				return err
			}
			return t.print(document, func(bool) [][]string { return importRows(one) })
		})
}

func importPath(job string) string { return "/_miroir/dumps/import/" + url.PathEscape(job) }

func importRows(list ...importStatus) [][]string {
	rows := [][]string{{"IMPORT", "STATE", "PHASE", "RUNNER", "RECEIVED", "DOCUMENTS", "REJECTED", "STARTED", "ERROR"}}
	for _, s := range list {
		runner := ""
		if s.Runner != nil {
			runner = *s.Runner
		} else if s.State == stateRunning {
			runner = "(none)"
		}
		rows = append(rows, []string{
			s.JobID, s.State, s.Phase, runner, bytesText(s.Received) + " of " + bytesText(s.Size),
			fmt.Sprintf("%d of %d", s.Written.Documents, s.Total.Documents), strconv.FormatInt(s.Rejected, 10), s.CreatedAt.Format(time.RFC3339),
			s.Error.String(),
		})
	}
	return rows
}

// notes lists what an import left out.
func (s importStatus) notes() (rows [][]string) {
	for _, what := range s.Skipped {
		rows = append(rows, []string{"skipped: " + what})
	}
	for _, what := range s.Rejections {
		rows = append(rows, []string{"rejected: " + what})
	}
	return rows
}

// rehearse says what an import would do, from a scan on this machine.
func (t *tool) rehearse(ctx context.Context, f importFlags) error {
	sum, _, err := t.scan(ctx, f.file)
	if err != nil {
		return err
	}
	var plan struct {
		Indexes   []plannedIndex `json:"indexes"`
		Conflicts []struct{ Index, Reason string }
		Skipped   []string
		Keys      struct {
			New      int
			Existing int
			Replaced []string
		}
	}
	document, err := t.do(ctx, http.MethodPost, "/_miroir/dumps/import/check?"+f.query(), withoutSecrets(sum), &plan)
	if err != nil {
		return err
	}
	err = t.print(document, func(bool) [][]string {
		rows := [][]string{{"INDEX", "TARGET", "DOCUMENTS", "SIZE", "EXISTS"}}
		for _, ix := range plan.Indexes {
			rows = append(rows, []string{ix.UID, ix.Target, strconv.FormatInt(ix.Documents, 10), bytesText(ix.Bytes), strconv.FormatBool(ix.Exists)})
		}
		rows = append(rows, []string{}, []string{fmt.Sprintf("keys: %d new, %d existing, %d replaced", plan.Keys.New, plan.Keys.Existing, len(plan.Keys.Replaced))})
		for _, what := range plan.Skipped {
			rows = append(rows, []string{"skipped: " + what})
		}
		for _, c := range plan.Conflicts {
			rows = append(rows, []string{fmt.Sprintf("CONFLICT: index %s: %s", c.Index, c.Reason)})
		}
		return rows
	})
	if err == nil && len(plan.Conflicts) > 0 {
		return lifecycle.ExitError{Code: exitConflict, Err: fmt.Errorf("%d conflicts are in the way of the import", len(plan.Conflicts))}
	}
	return err
}

// withoutSecrets leaves out of settings what only the import itself needs.
func withoutSecrets(s *dump.Summary) *dump.Summary {
	for i := range s.Indexes {
		var all map[string]json.RawMessage
		if json.Unmarshal(s.Indexes[i].Settings, &all) != nil {
			continue
		}
		delete(all, "embedders")
		s.Indexes[i].Settings, _ = json.Marshal(all) // it was JSON before
	}
	return s
}

// importFile sends a file and shows what becomes of it.
func (t *tool) importFile(ctx context.Context, f importFlags) error {
	file, err := os.Open(f.file)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	print, err := dump.Fingerprint(file, info.Size())
	if err != nil {
		return err
	}
	open := func() (s importStatus, err error) {
		_, err = t.do(ctx, http.MethodPost, "/_miroir/dumps/import?"+f.query(), struct {
			Size        int64  `json:"size"`
			Fingerprint string `json:"fingerprint"`
			Resume      bool   `json:"resume,omitempty"`
		}{info.Size(), print, f.resume}, &s)
		return s, err
	}
	s, err := open()
	for tries := t.newPatience(); f.resume && errors.Is(err, errNoAnswer); s, err = open() {
		// What interrupted the import may have been the end of the coordinator, which is back in a moment.
		if err := tries.wait(ctx, err); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	t.say("import %s", s.JobID)
	for s.State == stateRunning {
		if s.NeedsFile {
			if s, err = t.upload(ctx, s, file); err == nil && f.detach {
				break
			}
		} else {
			s, err = t.follow(ctx, s)
		}
		if err == nil && s.JobID == "" { // the coordinator does not know it: another one than before
			s, err = open()
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, errNoAnswer) {
				t.say("the import is not over; go on with: miroir-ctl dump import %s --resume", f.file)
			}
			return err
		}
	}
	return t.concluded(ctx, s.JobID)
}

// concluded prints how an import ended, or how far it is.
func (t *tool) concluded(ctx context.Context, job string) error {
	var s importStatus
	document, err := t.do(ctx, http.MethodGet, importPath(job)+"/status", nil, &s)
	if err != nil {
		return err
	}
	if err := t.print(document, func(bool) [][]string { return append(importRows(s), s.notes()...) }); err != nil {
		return err
	}
	if s.State != stateFailed {
		return nil
	}
	err = fmt.Errorf("the import failed: %s", s.Error)
	if s.Error != nil && s.Error.Code == "miroir_conflict" {
		return lifecycle.ExitError{Code: exitConflict, Err: err}
	}
	return err
}

// Bounds of an upload.
const (
	pieceBytes  = 32 << 20
	retryFirst  = 200 * time.Millisecond
	retryLonger = 5 * time.Second
)

// upload sends the rest of the file, piece by piece. A piece that did not arrive is sent again from where the coordinator has
// the file.
func (t *tool) upload(ctx context.Context, s importStatus, file *os.File) (importStatus, error) {
	bar := t.newBarFrom("upload", s.Received, s.Size, unitBytes)
	defer bar.end()
	tries := t.newPatience()
	for s.State == stateRunning && s.NeedsFile {
		piece := make([]byte, min(pieceBytes, s.Size-s.Received))
		if _, err := file.ReadAt(piece, s.Received); err != nil {
			return s, fmt.Errorf("read the dump: %w", err)
		}
		next, err := t.sendPiece(ctx, s, piece)
		if err != nil && !temporary(err) {
			return s, err
		}
		if err != nil {
			if err := tries.wait(ctx, err); err != nil {
				return s, err
			}
			if next, err = t.look(ctx, s.JobID); err != nil && !temporary(err) {
				return s, err
			} else if err != nil {
				continue
			}
		} else {
			tries = t.newPatience()
		}
		if s = next; s.JobID == "" {
			return s, nil
		}
		bar.set(s.Received)
	}
	return s, nil
}

func (t *tool) sendPiece(ctx context.Context, s importStatus, piece []byte) (next importStatus, err error) {
	c, err := t.connect()
	if err != nil {
		return s, err
	}
	document, err := c.ask(ctx, request{
		method: http.MethodPut, path: importPath(s.JobID) + "/content?offset=" + strconv.FormatInt(s.Received, 10),
		body: bytes.NewReader(piece), size: int64(len(piece)), media: "application/octet-stream",
	})
	if err == nil {
		err = json.Unmarshal(document, &next)
	}
	return next, err
}

// look asks how an import is; the zero status when the coordinator does not know it.
func (t *tool) look(ctx context.Context, job string) (s importStatus, err error) {
	_, err = t.do(ctx, http.MethodGet, importPath(job)+"/status", nil, &s)
	if told := (refusal{}); errors.As(err, &told) && told.status == http.StatusNotFound {
		return importStatus{}, nil
	}
	return s, err
}

// lookEvery is the time between two looks at an import.
const lookEvery = 500 * time.Millisecond

// follow shows an import until it ends, or needs its file again.
func (t *tool) follow(ctx context.Context, s importStatus) (importStatus, error) {
	var bar *bar
	defer func() {
		if bar != nil {
			bar.end()
		}
	}()
	tries, phase := t.newPatience(), ""
	for s.State == stateRunning && !s.NeedsFile {
		if s.Phase != phase {
			phase = s.Phase
			if bar == nil {
				t.say("%s", phase)
			}
		}
		if bar == nil && s.Total.Documents > 0 && s.Sent.Documents > 0 {
			bar = t.newBarFrom("documents", s.Written.Documents, s.Total.Documents-s.Rejected, unitDocuments)
		}
		if bar != nil {
			bar.set(s.Written.Documents)
		}
		select {
		case <-ctx.Done():
			return s, context.Cause(ctx)
		case <-time.After(lookEvery):
		}
		next, err := t.look(ctx, s.JobID)
		switch {
		case err == nil:
			s, tries = next, t.newPatience()
		case !temporary(err):
			return s, err
		default:
			if err := tries.wait(ctx, err); err != nil {
				return s, err
			}
		}
		if s.JobID == "" {
			return s, nil
		}
	}
	if bar != nil && s.State == "succeeded" {
		bar.set(s.Written.Documents)
	}
	return s, nil
}

// temporary says whether asking again may help: nobody answered, or the coordinator can not answer right now.
func temporary(err error) bool {
	var told refusal
	return errors.Is(err, errNoAnswer) || errors.As(err, &told) && (told.status == http.StatusServiceUnavailable || told.status == http.StatusConflict)
}

// patience bounds how long nothing works before the tool gives up: a coordinator that was killed is back in a moment.
type patience struct {
	until time.Time
	pause time.Duration
}

func (t *tool) newPatience() *patience {
	return &patience{until: time.Now().Add(max(2*t.timeout, 30*time.Second)), pause: retryFirst}
}

func (p *patience) wait(ctx context.Context, cause error) error {
	if time.Now().After(p.until) {
		return lifecycle.ExitError{Code: exitTimeout, Err: cause}
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(p.pause):
	}
	p.pause = min(2*p.pause, retryLonger)
	return nil
}
