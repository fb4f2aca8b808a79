package state

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/tuning"
)

// What is set reaches whoever watches; what is wrong is refused by the writer, and where it stands all the same, ignored
// by the reader.
func TestTuningIsSetAndFollowed(t *testing.T) {
	c := open(t)
	w, err := c.WatchTuning(t.Context(), zerolog.Nop())
	if err != nil || *w.Live() != tuning.Default() {
		t.Fatalf("%+v, %v", w.Live(), err)
	}
	changed, cancel := w.Subscribe()
	defer cancel()
	set := func(patch string) error {
		_, err := c.SetTuning(t.Context(), json.RawMessage(patch))
		return err
	}
	until := func(what string, cond func(tuning.Live) bool) {
		t.Helper()
		for !cond(*w.Live()) {
			select {
			case <-changed:
			case <-t.Context().Done():
				t.Fatal(what)
			}
		}
	}
	if err := errors.Join(set(`{"hedging":{"enabled":false}}`), set(`{"scatter":{"unavailable_shard_policy":"error"},"hedging":{"min_trigger_ms":7.5}}`)); err != nil {
		t.Fatal(err)
	}
	want := tuning.Default()
	want.Hedging.Enabled, want.Hedging.MinTriggerMs, want.Scatter.UnavailableShardPolicy = false, 7.5, tuning.PolicyError
	until("set", func(l tuning.Live) bool { return l == want })
	for _, patch := range []string{`{"hedging":{"budget_ratio":2}}`, `{"none":1}`, `[]`, `null`, `{"hedging":{"enabled":"yes"}}`} {
		if err := set(patch); !errors.Is(err, tuning.ErrInvalid) {
			t.Errorf("%s: %v", patch, err)
		}
	}
	if err := set(`{"hedging":null}`); err != nil {
		t.Fatal(err)
	}
	want.Hedging = tuning.Default().Hedging
	until("taken back", func(l tuning.Live) bool { return l == want })
	if got, err := c.Tuning(t.Context()); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, record := range []string{`{"v":9}`, `{"v":1,"set":{"hedging":{"budget_ratio":7}}}`} {
		if _, err := c.etcd.Put(t.Context(), c.key(keyRuntime), record); err != nil {
			t.Fatal(err)
		}
		<-changed
		if *w.Live() != want {
			t.Errorf("%s: %+v", record, w.Live())
		}
	}
	if _, err := c.etcd.Delete(t.Context(), c.key(keyRuntime)); err != nil {
		t.Fatal(err)
	}
	until("deleted", func(l tuning.Live) bool { return l == tuning.Default() })
}
