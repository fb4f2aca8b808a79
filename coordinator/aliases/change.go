package aliases

import (
	"context"
	"time"

	"github.com/miroir-search/miroir/coordinator/spread"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// Store is what changes rest on; *state.Client is one.
type Store interface {
	Alias(ctx context.Context, name string) (rec routing.AliasRecord, revision int64, err error)
	Aliases(ctx context.Context) ([]routing.AliasRecord, error)
	ChangeAlias(
		ctx context.Context, name string, targets []string, decide func(state.AliasFacts) (state.AliasVerdict, error),
	) (revision int64, err error)
	Gateways(ctx context.Context) (map[string]state.GatewayRecord, error)
}

// Changer changes aliases. All fields must be set; it is safe for concurrent use.
type Changer struct {
	Store   Store
	Rules   func() Rules
	Now     func() time.Time
	Metrics *Metrics
}

// Outcome is what a change came to.
type Outcome struct {
	Alias   routing.AliasRecord
	Changed bool // else it was so already
	// Spread says which gateways work by the change. Writes by the alias through those that do not are refused by the store until they do.
	Spread spread.Spread
}

// Create makes an alias.
func (c *Changer) Create(ctx context.Context, w Want) (Outcome, error) {
	return c.change(ctx, w, create)
}

// Flip gives an alias other targets, for everybody at once.
func (c *Changer) Flip(ctx context.Context, w Want) (Outcome, error) {
	o, err := c.change(ctx, w, flip)
	if err == nil && o.Changed {
		c.Metrics.flipped(w.Name)
	}
	return o, err
}

// Delete removes an alias; its indexes stay.
func (c *Changer) Delete(ctx context.Context, w Want) error {
	revision, err := c.Store.ChangeAlias(ctx, w.Name, nil, func(f state.AliasFacts) (state.AliasVerdict, error) { return remove(w, f) })
	if err == nil {
		c.spread(ctx, revision)
	}
	return err
}

type decision func(w Want, f state.AliasFacts, r Rules, now time.Time) (state.AliasVerdict, error)

func (c *Changer) change(ctx context.Context, w Want, decide decision) (Outcome, error) {
	rules := c.Rules()
	if e := w.check(rules); e != nil {
		return Outcome{}, e
	}
	var o Outcome
	revision, err := c.Store.ChangeAlias(ctx, w.Name, w.Targets, func(f state.AliasFacts) (state.AliasVerdict, error) {
		verdict, err := decide(w, f, rules, c.Now())
		switch {
		case err != nil:
		case verdict.Put != nil:
			o = Outcome{Alias: *verdict.Put, Changed: true}
		default:
			o = Outcome{Alias: *f.Old}
		}
		return verdict, err
	})
	if err != nil {
		return Outcome{}, err
	}
	o.Spread = c.spread(ctx, revision)
	return o, nil
}

// spread waits until every gateway that is present works by the view of a revision, or patience ends.
func (c *Changer) spread(ctx context.Context, revision int64) spread.Spread {
	began := time.Now()
	defer func() { c.Metrics.waited(time.Since(began)) }()
	return spread.Wait(ctx, c.Store, revision)
}
