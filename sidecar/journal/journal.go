package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// Errors of the journal.
var (
	ErrStale  = errors.New("the write is older than what this node can put in order")
	ErrFormat = errors.New("the journal was written by another version")
)

// birthMargin is how much later than the present the first low-water mark of an empty store is: a sender whose clock is
// ahead may have stamped what was lost with the former store.
const birthMargin = hlc.MaxSkew

// Options shape a journal. Zero values take the defaults.
type Options struct {
	Window   time.Duration // for which bodies are kept, default 2 min
	MaxAge   time.Duration // of changes, default 10 days
	MaxBytes int64         // on disk, default 2 GiB: three quarters for bodies, one for changes
	NoSync   bool          // prepared legs survive a killed process, but not a machine that loses power
	Log      zerolog.Logger
	Metrics  *Metrics
	Now      func() time.Time

	files vfs.FS // nil: the machine's
}

// Journal is open until Close. It is safe for concurrent use.
type Journal struct {
	Options
	db    *pebble.DB
	clock *hlc.Clock
	write *pebble.WriteOptions

	// taking lets one leg be taken back while none is registered: both change newest versions.
	taking sync.RWMutex

	mu     sync.Mutex
	last   hlc.Stamp
	legs   map[hlc.Stamp]*Entered
	coming map[hlc.Stamp]*Entered // those that are not registered
	order  []hlc.Stamp            // places of legs, ascending
	flying map[hlc.Stamp]flight   // begun and not ended, by place
	held   map[hlc.Stamp]int      // how many want the bodies from here on
	marks  map[string]marks
	birth  marks                    // of indexes that have none of their own
	newest map[string]guard.Version // greatest version of a registered operation, by index
	tasks  map[string]Task          // newest one, by index
	// awaited are the registered legs, by place, of which nobody has said how their tasks ended.
	awaited map[hlc.Stamp]Entered
	failed  map[string]uint64     // legs that were taken back, by index
	notes   []noted               // ascending
	dropped map[string]hlc.Stamp  // up to which legs may have been here and be forgotten, by index
	barred  map[string]time.Time  // writes that are never taken, by dispatch id, and since when
	wide    map[string]guard.Wide // of the newest operation that names no document, of those that were in the window once
	bytes   int64                 // of bodies
}

// Open opens the store in a folder, or begins an empty one.
func Open(dir string, clock *hlc.Clock, o Options) (*Journal, error) {
	o = o.withDefaults()
	j := &Journal{
		Options: o, clock: clock, write: pebble.Sync, legs: map[hlc.Stamp]*Entered{}, coming: map[hlc.Stamp]*Entered{}, flying: map[hlc.Stamp]flight{}, held: map[hlc.Stamp]int{},
		marks: map[string]marks{}, newest: map[string]guard.Version{}, tasks: map[string]Task{}, wide: map[string]guard.Wide{},
		awaited: map[hlc.Stamp]Entered{}, failed: map[string]uint64{}, barred: map[string]time.Time{}, dropped: map[string]hlc.Stamp{},
	}
	if o.NoSync {
		j.write = pebble.NoSync
	}
	level := pebble.LevelOptions{FilterPolicy: bloom.FilterPolicy(10)}
	level.EnsureL0Defaults()
	options := &pebble.Options{
		Merger: merger, MemTableSize: 16 << 20, CacheSize: 32 << 20, MaxOpenFiles: 256, Logger: quiet{},
		FS: o.files, FormatMajorVersion: pebble.FormatNewest, L0CompactionThreshold: 4, L0StopWritesThreshold: 32,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
	}
	for i := range options.Levels {
		options.Levels[i] = level
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j.db = db
	if err := j.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), db.Close())
	}
	return j, nil
}

func (o Options) withDefaults() Options {
	if o.Window == 0 {
		o.Window = 2 * time.Minute
	}
	if o.MaxAge == 0 {
		o.MaxAge = 10 * 24 * time.Hour
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 2 << 30
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Close ends the store. Legs in flight must have ended.
func (j *Journal) Close() error {
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// quiet drops the store's own chatter; what goes wrong comes back as an error.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

// Fatalf ends the process: the store can not go on, as on a full disk, and the next start recovers. A panic would not do, for servers outlive
// panics of their handlers, and every later leg would hang in a store that is locked for good.
func (quiet) Fatalf(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "journal store: "+format+"\n", args...)
	os.Exit(1)
}

// commit writes a batch. The store panics with its locks held where it can not write on; a server survives panics of its handlers, so this
// ends the process as well.
func commit(b *pebble.Batch, o *pebble.WriteOptions) error {
	defer func() {
		if p := recover(); p != nil {
			quiet{}.Fatalf("%v", p)
		}
	}()
	return b.Commit(o)
}

const (
	format     = "1"
	metaFormat = "format"
	metaBirth  = "birth"
	metaTaken  = "taken" // a place of a leg that was taken back, so that later legs have later ones
)

// load reads what is needed in memory, and clears away legs that were never prepared.
func (j *Journal) load() error {
	value, err := j.get(metaKey(metaFormat))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return j.found()
	case err != nil:
		return err
	case string(value) != format:
		return ErrFormat
	}
	if value, err = j.get(metaKey(metaBirth)); err != nil {
		return err
	}
	m, err := parseMarks(value)
	if err != nil {
		return err
	}
	j.birth, j.last = m, m.Floor
	if value, err = j.get(metaKey(metaTaken)); err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	j.last = max(j.last, hlc.Stamp(reader64(value)))
	if err := j.each([]byte{tagIndex}, func(key, value []byte) error {
		m, err := parseMarks(value)
		j.marks[string(key[1:])] = m
		j.last = max(j.last, m.Floor, m.Low)
		return err
	}); err != nil {
		return err
	}
	if err := errors.Join(j.loadTasks(), j.loadNotes(), j.loadBarred()); err != nil {
		return err
	}
	if err := j.each([]byte{tagLeg}, func(key, value []byte) error {
		place := hlc.Stamp(reader64(key[1:]))
		e, err := parseLeg(place, value)
		if err == nil {
			j.enter(&e)
		}
		return err
	}); err != nil {
		return err
	}
	if err := j.each([]byte{tagAwait}, func(key, value []byte) error {
		place := hlc.Stamp(reader64(key[1:]))
		e, err := parseLeg(place, value)
		j.awaited[place] = e
		return err
	}); err != nil {
		return err
	}
	return j.clear()
}

// found begins an empty store: what was before is not known.
func (j *Journal) found() error {
	now := j.clock.Next()
	j.birth, j.last = marks{Floor: now, Low: hlc.At(now.Time().Add(birthMargin))}, now
	b := j.db.NewBatch()
	defer func() { _ = b.Close() }()
	_ = b.Set(metaKey(metaBirth), appendMarks(nil, j.birth), nil)
	_ = b.Set(metaKey(metaFormat), []byte(format), nil)
	return commit(b, pebble.Sync)
}

// clear deletes pieces of bodies that belong to no leg.
func (j *Journal) clear() error {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tagBody}, UpperBound: []byte{tagBody + 1}})
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }()
	for ok := it.First(); ok; {
		place := hlc.Stamp(reader64(it.Key()[1:]))
		end := bodyKey(place, math.MaxUint32)
		if j.legs[place] == nil {
			if err := j.db.DeleteRange(bodyKey(place, 0), end, pebble.NoSync); err != nil {
				return err
			}
		}
		j.last = max(j.last, place)
		ok = it.SeekGE(end)
	}
	return it.Error()
}

// enter takes a leg into memory. The lock is held, or nobody else is there.
func (j *Journal) enter(e *Entered) {
	j.legs[e.Place] = e
	at, _ := slices.BinarySearch(j.order, e.Place)
	j.order = slices.Insert(j.order, at, e.Place)
	j.bytes += e.Bytes
	j.last = max(j.last, e.Place)
	if !e.Registered {
		j.coming[e.Place] = e
		return
	}
	j.surpass(e)
	j.awaited[e.Place] = *e
}

func (j *Journal) surpass(e *Entered) {
	if e.Kind.Wide() && e.High.Stamp >= j.wide[e.Index].Stamp {
		j.wide[e.Index] = guard.Wide{Stamp: e.High.Stamp, Task: e.Task}
	}
	if e.High.Compare(j.newest[e.Index]) > 0 {
		j.newest[e.Index] = e.High
	}
}

// get reads one value.
func (j *Journal) get(key []byte) ([]byte, error) {
	value, closer, err := j.db.Get(key)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(value)
	return out, closer.Close()
}

// each visits all keys with a prefix; visit may keep nothing.
func (j *Journal) each(prefix []byte, visit func(key, value []byte) error) error {
	return j.between(prefix, after(prefix), visit)
}

// between visits the keys from a bound on and below another one. A visit ends the walk early by io.EOF.
func (j *Journal) between(from, to []byte, visit func(key, value []byte) error) error {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	defer func() { _ = it.Close() }()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = visit(it.Key(), value)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	return nil
}
