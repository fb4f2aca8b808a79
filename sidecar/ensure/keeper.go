package ensure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/seal"
	"github.com/miroir-search/miroir/sidecar/engine"
	"github.com/miroir-search/miroir/sidecar/holding"
	"github.com/miroir-search/miroir/sidecar/journal"
)

// ErrNotPlaced says that the view knows no such index on this node.
var ErrNotPlaced = errors.New("the routing view places no such index here")

// ErrNotReady says that the index does not exist on the engine yet.
var ErrNotReady = errors.New("the index is not ready on the engine yet")

const (
	readyPoll    = 10 * time.Millisecond
	readyLongest = 250 * time.Millisecond
)

// Views is where the newest routing view comes from.
type Views interface {
	View() *routing.View
	Healthy() (since time.Time, ok bool)
	Subscribe() (changed <-chan struct{}, cancel func())
	Wait(ctx context.Context, cond func(*routing.View) bool) (*routing.View, error)
}

// Config of a Keeper.
type Config struct {
	Node     string
	Engine   *engine.Client
	Views    Views
	Store    Store
	Lose     func(ctx context.Context, physical string) error // forgets what was written to an index that is lost
	Prune    func(keep func(physical string) bool) error      // forgets what was written to indexes that are gone
	Latest   func(physical string) (journal.Task, bool)       // the newest task that the engine made of a write
	Book     *holding.Book
	Seal     *seal.Box
	Log      zerolog.Logger
	Metrics  *Metrics
	Period   time.Duration // between two passes without a change, default 15 s
	Drift    time.Duration // between two looks at settings that nobody changed, default 5 min
	Patience time.Duration // how long an index that this process never saw in a view must be missing, default 1 h
	Known    bool          // the store knew this node before it registered now
}

// Keeper keeps one engine. It is safe for concurrent use.
type Keeper struct {
	Config
	mu     sync.Mutex
	states map[string]*state
	first  map[string]bool      // physical names that stood in the first view: somebody may have created them before
	seen   map[string]bool      // physical names that a view of this process held
	lost   map[string]time.Time // since when an unknown index is missing from the view
	wake   chan struct{}        // something changed on the engine
	newest int64                // uid of the newest task of the engine about settings that was looked at; -1 for none

	told    map[string]time.Time // when the log said last what fails, by message
	failing bool                 // something failed in the pass at hand
}

// state is what the keeper knows about one index. The channel is its lock.
type state struct {
	physical string
	lock     chan struct{}
	mu       sync.RWMutex
	created  bool      // exists, or its creation is queued
	had      bool      // it was so once, in this process
	breaks   uint64    // what the engine's was when that was so
	born     time.Time // when the engine created it; zero: not known
	ready    bool      // exists with the settings that version says
	version  uint64    // settings version that was compared
	task     uint32    // the settings task to wait for
	pending  bool      // task is set
	told     report    // what was last found about the settings
	changes  uint64    // changes of settings that were sent, or were about to be
	sending  int       // of them that are just being sent
	stale    bool      // the engine has to be looked at again
	mended   string    // hash of settings that were compared with the committed ones already
}

// New returns a keeper.
func New(c Config) *Keeper {
	if c.Period == 0 {
		c.Period = 15 * time.Second
	}
	if c.Drift == 0 {
		c.Drift = 5 * time.Minute
	}
	if c.Patience == 0 {
		c.Patience = time.Hour
	}
	k := &Keeper{Config: c, states: map[string]*state{}, first: map[string]bool{}, seen: map[string]bool{}, lost: map[string]time.Time{}, wake: make(chan struct{}, 1), newest: -1, told: map[string]time.Time{}}
	if c.Views != nil {
		for physical := range c.Views.View().Physical {
			k.first[physical] = true
		}
	}
	return k
}

func (k *Keeper) state(physical string) *state {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.states[physical]
	if !ok {
		s = &state{physical: physical, lock: make(chan struct{}, 1)}
		k.states[physical] = s
	}
	k.seen[physical] = true
	return s
}

// Ensure returns when the index exists on the engine or its creation stands in the engine's queue, so that a write sent
// now finds it.
func (k *Keeper) Ensure(ctx context.Context, ix *routing.Index) error {
	s := k.state(ix.Physical)
	if s.known(k.Engine.Breaks()) {
		return nil
	}
	return k.establish(ctx, s, ix)
}

// Ready returns when the index exists on the engine with its settings, so that a read finds it.
func (k *Keeper) Ready(ctx context.Context, ix *routing.Index) error {
	s := k.state(ix.Physical)
	if s.served(k.Engine.Breaks()) {
		return nil
	}
	if err := k.Ensure(ctx, ix); err != nil {
		return err
	}
	for pause := readyPoll; ; pause = min(2*pause, readyLongest) {
		done, err := k.finish(ctx, s)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ErrNotReady, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// finish looks whether the settings task has ended; done says whether the index can be read. One that could be read before stays
// so, whatever became of a change of its settings.
func (k *Keeper) finish(ctx context.Context, s *state) (done bool, err error) {
	s.mu.RLock()
	task, pending, ready := s.task, s.pending, s.ready
	s.mu.RUnlock()
	if !pending {
		if ready {
			return true, nil
		}
		return false, ErrNotReady
	}
	t, err := k.Engine.Task(ctx, task)
	if err != nil {
		return false, err
	}
	if !t.Finished() {
		return ready, nil
	}
	var have engine.Index
	if t.Status == "succeeded" {
		if have, err = k.Engine.Index(ctx, s.physical); err != nil {
			return false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.task != task || !s.pending {
		return s.ready, nil
	}
	s.pending = false
	if t.Status != "succeeded" {
		s.created = s.ready // the next call looks again what is there
		k.Metrics.Failures.Inc()
		return false, fmt.Errorf("settings task %s: %w", t.Status, errors.Join(ErrNotReady, failure(t)))
	}
	s.ready = true
	if s.born.IsZero() {
		s.born = have.CreatedAt
	}
	return true, nil
}

// Forget makes the keeper look again at an index, for instance because the engine said that it does not exist.
func (k *Keeper) Forget(physical string) {
	s := k.state(physical)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created, s.ready = false, false
}

// establish creates the index if the engine has none, and brings its settings to what the view says. An engine that was
// away may be another one: then it only looks whether the index is still the one it was.
func (k *Keeper) establish(ctx context.Context, s *state, ix *routing.Index) error {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.lock }()
	breaks := k.Engine.Breaks()
	if s.known(breaks) && s.current(ix.SettingsVersion) {
		return nil
	}
	settings, err := k.Seal.OpenSettings(seal.SettingsPlace(ix.Physical), ix.Settings)
	if err != nil { // the rest is good, and an engine that has the secret keeps it
		k.Log.Error().Err(err).Str("index", ix.UID).Msg("secrets in the committed settings can not be opened")
	}
	want, err := engineView(settings)
	if err != nil {
		return err
	}
	want = visible(want, k.Views.View().Features.Features)
	have, lost, err := k.look(ctx, s, ix)
	if err != nil {
		return err
	}
	if lost {
		if err := k.lose(ctx, s, ix); err != nil {
			return err
		}
	}
	switch {
	case have == nil && !lost && s.was(ix.SettingsVersion): // its creation is still in the queue
	case have == nil:
		err = k.create(ctx, s, ix, want)
	case lost || !s.was(ix.SettingsVersion):
		err = k.align(ctx, s, ix, *have, want)
	}
	if err == nil {
		s.confirm(breaks, have)
	}
	return err
}

// create queues the creation and the settings. The engine runs them in this order before any write that follows.
func (k *Keeper) create(ctx context.Context, s *state, ix *routing.Index, want map[string]json.RawMessage) error {
	if _, err := k.Engine.CreateIndex(ctx, ix.Physical, ix.PrimaryKey); err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	if embedders, ok := want["embedders"]; ok {
		want["embedders"] = meili.SendableEmbedders(nil, embedders)
	}
	task, err := k.patch(ctx, ix.Physical, want)
	if err != nil {
		return fmt.Errorf("settings of a new index: %w", err)
	}
	k.Book.Fresh(ix.Physical, holding.Of(ix, k.Node))
	k.Metrics.Created.Inc()
	k.Log.Info().Str("index", ix.UID).Msg("index created on the engine")
	s.set(ix.SettingsVersion, task, true)
	return nil
}

// align compares an existing index with the view and queues what differs.
func (k *Keeper) align(ctx context.Context, s *state, ix *routing.Index, have engine.Index, want map[string]json.RawMessage) error {
	if have.PrimaryKey == nil && ix.PrimaryKey != "" {
		if _, err := k.Engine.SetPrimaryKey(ctx, ix.Physical, ix.PrimaryKey); err != nil {
			return fmt.Errorf("set primary key: %w", err)
		}
	}
	settings, err := k.Engine.Settings(ctx, ix.Physical)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	patch := difference(want, settings)
	if isNull(ix.Settings) {
		delete(patch, "rankingRules") // the engine's own rules are explicit enough for it to keep
	}
	if k.unproven(s, ix) && patch["embedders"] == nil && meili.HasKeys(want["embedders"]) {
		patch["embedders"] = meili.SendableEmbedders(settings["embedders"], want["embedders"])
	}
	if len(patch) == 0 {
		s.set(ix.SettingsVersion, 0, false)
		return nil
	}
	task, err := k.patch(ctx, ix.Physical, patch)
	if err != nil {
		return fmt.Errorf("repair settings: %w", err)
	}
	k.Metrics.Repaired.Inc()
	k.Log.Warn().Str("index", ix.UID).Int("settings", len(patch)).Msg("settings of the engine repaired")
	s.set(ix.SettingsVersion, task, true)
	return nil
}

// unproven says that nobody knows whether the engine has the committed keys of embedders, which it shows masked: this node did
// not carry out the change that made them, or was not in step before it, or somebody else changed its settings.
func (k *Keeper) unproven(s *state, ix *routing.Index) bool {
	s.mu.RLock()
	last, foreign := s.told.record.Version, s.mended != ""
	s.mu.RUnlock()
	last = max(last, ix.Shown[k.Node].Version)
	took := slices.Contains(ix.SettingsNodes, k.Node) && last+1 == ix.SettingsVersion
	return foreign || last < ix.SettingsVersion && !took
}

// patch sends settings; an engine that does not know the current default ranking rules gets its own ones.
func (k *Keeper) patch(ctx context.Context, physical string, patch map[string]json.RawMessage) (uint32, error) {
	task, err := k.Engine.PatchSettings(ctx, physical, patch)
	if !engine.Is(err, engine.CodeInvalidRankingRules) || string(patch["rankingRules"]) != string(currentRules) {
		return task, err
	}
	patch["rankingRules"] = olderRules
	return k.Engine.PatchSettings(ctx, physical, patch)
}

// known says whether the index is there, by an engine that has not been away since.
func (s *state) known(breaks uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.created && s.breaks == breaks
}

func (s *state) served(breaks uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ready && s.breaks == breaks
}

// was says whether the index was there with the settings of a version, by whichever engine.
func (s *state) was(version uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.created && s.version == version
}

func (s *state) current(version uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.version == version
}

// set records what was established. An index that was ready stays so: its settings change under running reads.
func (s *state) set(version uint64, task uint32, pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created, s.had, s.version, s.task, s.pending = true, true, version, task, pending
	s.ready = s.ready || !pending
}

// confirm records that the engine has the index. have is nil while that is in its queue.
func (s *state) confirm(breaks uint64, have *engine.Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaks = breaks
	if have != nil {
		s.born = have.CreatedAt
	}
}

// reset makes nobody find the index ready until it was established again.
func (s *state) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created, s.ready, s.pending = false, false, false
}

// forgo forgets the index that was lost.
func (s *state) forgo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.born = time.Time{}
}

// failure is the error of a task that failed.
func failure(t engine.Task) error {
	if t.Error == nil {
		return nil
	}
	return t.Error
}
