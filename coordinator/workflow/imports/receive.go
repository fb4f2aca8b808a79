package imports

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/miroir-search/miroir/coordinator/workflow"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/dump"
	"github.com/miroir-search/miroir/internal/state"
)

// Open begins an import, or finds the one of the same file with the same options that is under way; with resume it only finds.
func (m *Importer) Open(ctx context.Context, size int64, fingerprint string, o Options, resume bool) (Status, error) {
	switch {
	case size > m.Limits.MaxBytes:
		return Status{}, tooLarge(size, m.Limits.MaxBytes)
	case size < 1 || !isFingerprint(fingerprint):
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "`size` and `fingerprint` must be those of a dump.")
	}
	id := JobID(fingerprint, o)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.Spool.job(id); !errors.Is(err, errNoJob) {
		if err != nil {
			return Status{}, err
		}
		return m.Status(ctx, id)
	}
	rec, p, revision, err := workflow.Load[Progress](ctx, m.Records, KindName, id)
	if err != nil {
		return Status{}, err
	}
	job := Job{ID: id, Run: nonce(), Size: size, Fingerprint: fingerprint, Options: o, CreatedAt: m.Now()}
	if revision > 0 && rec.State == workflow.Running {
		if holder, err := m.leader(ctx, id); err != nil || holder != "" {
			if err != nil {
				return Status{}, err
			}
			return m.Status(ctx, id) // somebody has the file
		}
		job.Run = p.Run // whoever had it is away: the file is taken again, and the job goes on
	} else if resume {
		return Status{}, apierr.New(apierr.MiroirNotFound, "No import of this file with these options is under way.")
	}
	if err := m.Spool.create(job); err != nil {
		return Status{}, err
	}
	return m.Status(ctx, id)
}

func isFingerprint(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32
}

func nonce() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Append takes the next bytes of a job's file. They must follow what is here already.
func (m *Importer) Append(ctx context.Context, id string, offset int64, from io.Reader) (Status, error) {
	job, err := m.Spool.job(id)
	if errors.Is(err, errNoJob) {
		return Status{}, notFound()
	}
	if err != nil {
		return Status{}, err
	}
	if !m.enter(id) {
		return Status{}, apierr.New(apierr.MiroirConflict, "The file of this import is coming in over another connection.")
	}
	defer m.leave(id)
	if m.Spool.whole(id) {
		return m.Status(ctx, id)
	}
	if have := m.Spool.received(id); offset != have {
		return Status{}, apierr.New(apierr.MiroirConflict, "The next byte of the file to send is %d.", have)
	}
	before := offset
	received, err := m.Spool.append(job, offset, from)
	m.Metrics.read.Add(float64(max(0, received-before)))
	m.Metrics.phase.Set(phaseNumbers[phaseReceive])
	switch {
	case errors.Is(err, errNotTheFile):
		return Status{}, apierr.New(apierr.MiroirConfigInvalid, "What was sent is not the file that was announced. Send it again from its beginning.")
	case err != nil:
		return Status{}, err
	case received == job.Size:
		if err := m.announce(ctx, id); err != nil {
			return Status{}, err
		}
	}
	return m.Status(ctx, id)
}

// Receive takes a whole file at once.
func (m *Importer) Receive(ctx context.Context, o Options, from io.Reader) (Status, error) {
	if err := os.MkdirAll(string(m.Spool), 0o700); err != nil {
		return Status{}, err
	}
	f, err := os.CreateTemp(string(m.Spool), incoming)
	if err != nil {
		return Status{}, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is not there any more when all went well
	size, err := io.Copy(f, io.LimitReader(from, m.Limits.MaxBytes+1))
	if err != nil {
		return Status{}, errors.Join(err, f.Close())
	}
	print, err := dump.Fingerprint(f, size)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Status{}, err
	}
	status, err := m.Open(ctx, size, print, o, false)
	if err != nil || !m.enter(status.JobID) {
		return status, err
	}
	defer m.leave(status.JobID)
	if !status.NeedsFile {
		return status, nil
	}
	if err := m.Spool.adopt(status.JobID, f.Name()); err != nil {
		return Status{}, err
	}
	if err := m.announce(ctx, status.JobID); err != nil {
		return Status{}, err
	}
	return m.Status(ctx, status.JobID)
}

// Check says what an import of a dump with such contents would do.
func (m *Importer) Check(ctx context.Context, s *dump.Summary, o Options) (Plan, error) {
	return m.plan(ctx, s, o)
}

// announce hands a whole file over to Run.
func (m *Importer) announce(ctx context.Context, id string) error {
	select {
	case m.arrived <- id:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) // the next start finds it
	}
}

func (m *Importer) enter(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy[id] {
		return false
	}
	m.busy[id] = true
	return true
}

func (m *Importer) leave(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.busy, id)
}

// leader is who works on a job; empty when nobody does.
func (m *Importer) leader(ctx context.Context, id string) (string, error) {
	holder, err := m.Store.Leader(ctx, scope(id))
	if errors.Is(err, state.ErrNotFound) {
		return "", nil
	}
	return holder, err
}

func notFound() *apierr.Error { return apierr.New(apierr.MiroirNotFound, "There is no such import.") }
