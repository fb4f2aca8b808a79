package aliases

import (
	"slices"
	"strings"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// Rules are what the configuration says about aliases.
type Rules struct {
	History       int  // past states that an alias keeps
	RequireTarget bool // a target must exist when an alias begins to stand for it
	MaxTargets    int
	Most          int64 // aliases in a cluster
}

// DefaultRules are the defaults of the configuration page.
func DefaultRules() Rules {
	return Rules{History: routing.AliasHistory, RequireTarget: true, MaxTargets: 64, Most: 1000}
}

// Want is what an operator asks an alias to be.
type Want struct {
	Name    string
	Kind    routing.AliasKind
	Targets []string // one for a single alias
	Force   bool     // targets of different primary keys are fine
	Version *uint64  // the alias must be at it; nil: at any
	By      string   // who asks
}

func (w Want) targets() routing.AliasTargets {
	if w.Kind == routing.AliasSingle {
		return routing.AliasTargets{Target: w.Targets[0]}
	}
	return routing.AliasTargets{Targets: w.Targets}
}

// check refuses what is wrong whatever the cluster looks like.
func (w Want) check(r Rules) *apierr.Error {
	if e := meili.CheckIndexUID(w.Name); e != nil {
		return e
	}
	switch {
	case len(w.Targets) == 0:
		return invalid("targets", "an alias stands for at least one index")
	case len(w.Targets) > r.MaxTargets:
		return invalid("targets", "an alias stands for %d indexes at most", r.MaxTargets)
	}
	for i, uid := range w.Targets {
		switch {
		case !meili.ValidIndexUID(uid):
			return invalid("targets", "`%s` is no name of an index", uid)
		case slices.Contains(w.Targets[:i], uid):
			return invalid("targets", "`%s` is there twice", uid)
		case uid == w.Name:
			return invalid("targets", "an alias can not stand for itself")
		}
	}
	return nil
}

// facts refuses targets that are none.
func (w Want) facts(f state.AliasFacts, r Rules) *apierr.Error {
	for _, uid := range w.Targets {
		_, exists := f.Indexes[uid]
		switch {
		case f.Aliases[uid]:
			return invalid("targets", "`%s` is an alias; an alias stands for indexes", uid)
		case !exists && r.RequireTarget:
			return meili.IndexNotFound(uid)
		}
	}
	return nil
}

// create decides about a new alias. One that is what was asked for is left alone.
func create(w Want, f state.AliasFacts, r Rules, now time.Time) (state.AliasVerdict, error) {
	if f.Old != nil && f.Old.Kind == w.Kind && slices.Equal(f.Old.UIDs(), w.Targets) {
		return state.AliasVerdict{}, nil
	}
	switch {
	case f.Old != nil:
		return state.AliasVerdict{}, conflict("There is an alias `%s` already.", w.Name)
	case f.IsIndex:
		return state.AliasVerdict{}, conflict("`%s` is the name of an index.", w.Name)
	case f.Count >= r.Most:
		return state.AliasVerdict{}, conflict("There are %d aliases, the most that there may be.", f.Count)
	}
	if e := w.facts(f, r); e != nil {
		return state.AliasVerdict{}, e
	}
	return state.AliasVerdict{Put: &routing.AliasRecord{
		V: routing.Version, Name: w.Name, Kind: w.Kind, AliasTargets: w.targets(), Version: 1, CreatedAt: now, UpdatedAt: now,
		History: []routing.AliasPast{},
	}}, nil
}

// flip decides about other targets of an alias. Those that it has already change nothing.
func flip(w Want, f state.AliasFacts, r Rules, now time.Time) (state.AliasVerdict, error) {
	if e := held(w, f); e != nil {
		return state.AliasVerdict{}, e
	}
	if f.Old.Kind != w.Kind {
		return state.AliasVerdict{}, conflict("The alias `%s` is a %s one, and stays it.", w.Name, f.Old.Kind)
	}
	if slices.Equal(f.Old.UIDs(), w.Targets) {
		return state.AliasVerdict{}, nil
	}
	if e := w.facts(f, r); e != nil {
		return state.AliasVerdict{}, e
	}
	if e := sameKey(w, f); e != nil {
		return state.AliasVerdict{}, e
	}
	next := f.Old.Next(w.targets(), now, w.By, r.History)
	return state.AliasVerdict{Put: &next}, nil
}

// sameKey refuses to flip a single alias between indexes of different primary keys.
func sameKey(w Want, f state.AliasFacts) *apierr.Error {
	old, known := f.Indexes[f.Old.Target]
	next, exists := f.Indexes[w.Targets[0]]
	if w.Kind != routing.AliasSingle || w.Force || !known || !exists || old.PrimaryKey == next.PrimaryKey {
		return nil
	}
	return conflict("The primary key of `%s` is %s, that of `%s` is %s. With `force` the alias is flipped all the same.",
		old.UID, keyName(old.PrimaryKey), next.UID, keyName(next.PrimaryKey))
}

func keyName(pk string) string {
	if pk == "" {
		return "not set"
	}
	return "`" + pk + "`"
}

// remove decides about the deletion of an alias.
func remove(w Want, f state.AliasFacts) (state.AliasVerdict, error) {
	if e := held(w, f); e != nil {
		return state.AliasVerdict{}, e
	}
	return state.AliasVerdict{Delete: true}, nil
}

// held refuses a change of an alias that is not there, is somebody else's, or is not as the operator saw it.
func held(w Want, f state.AliasFacts) *apierr.Error {
	switch {
	case f.Old == nil:
		return NotFound(w.Name)
	case strings.HasPrefix(f.Old.Owner, "ilm:"):
		return apierr.New(apierr.MiroirAliasManaged, "The alias `%s` belongs to the policy `%s`, which alone changes it.",
			w.Name, strings.TrimPrefix(f.Old.Owner, "ilm:"))
	case w.Version != nil && *w.Version != f.Old.Version:
		return conflict("The alias `%s` is at version %d, not %d.", w.Name, f.Old.Version, *w.Version)
	}
	return nil
}

// NotFound says that there is no such alias.
func NotFound(name string) *apierr.Error {
	return apierr.New(apierr.MiroirNotFound, "There is no alias `%s`.", name)
}

func invalid(field, format string, args ...any) *apierr.Error {
	return apierr.New(apierr.MiroirConfigInvalid, "`"+field+"`: "+format+".", args...)
}

func conflict(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.MiroirConflict, format, args...)
}
