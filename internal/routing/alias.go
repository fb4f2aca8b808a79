package routing

import (
	"slices"
	"time"
)

// AliasKind says how many indexes an alias stands for.
type AliasKind string

// Kinds of aliases. Only an alias of one index takes writes. An alias never changes its kind.
const (
	AliasSingle AliasKind = "single"
	AliasMulti  AliasKind = "multi"
)

// AliasTargets are the logical indexes that an alias stands for: Target for a single one, Targets for the other kind.
type AliasTargets struct {
	Target  string   `json:"current_uid,omitempty"`
	Targets []string `json:"target_uids,omitempty"` // in the order in which equal hits are listed
}

// UIDs lists the targets of either kind.
func (t AliasTargets) UIDs() []string {
	if t.Target != "" {
		return []string{t.Target}
	}
	return t.Targets
}

// AliasRecord is aliases/<name>.
type AliasRecord struct {
	V    int       `json:"v"`
	Name string    `json:"name"`
	Kind AliasKind `json:"kind"`
	AliasTargets
	Version   uint64      `json:"version"`         // grows by one with every change of the targets
	Owner     string      `json:"owner,omitempty"` // whoever alone may change it, as ilm:<policy>; empty: operators
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
	History   []AliasPast `json:"history"` // the last states before this one, oldest first
}

// AliasPast is a state that an alias had.
type AliasPast struct {
	AliasTargets
	Version uint64    `json:"version"`
	Until   time.Time `json:"until"`
	By      string    `json:"by"` // who ended it
}

// Alias is an alias in the view.
type Alias struct {
	AliasRecord
	Revision int64    // of the record in the store
	Indexes  []*Index // the targets that can be routed to, in the record's order; their Name is the alias's
	Missing  []string // the other targets
}

// One is the target of an alias of one index; ok is false where there are several, or where it is missing.
func (a *Alias) One() (ix *Index, ok bool) {
	if a.Kind != AliasSingle || len(a.Indexes) != 1 {
		return nil, false
	}
	return a.Indexes[0], true
}

// Find is the index that a name stands for, by itself or as an alias of one index. Its Name is the one asked for.
func (v *View) Find(name string) (*Index, bool) {
	if ix, ok := v.Indexes[name]; ok {
		return ix, true
	}
	if a, ok := v.Aliases[name]; ok {
		return a.One()
	}
	return nil, false
}

// aliasesOf makes the view's aliases. A name that an index has as well stands for the index: transactions keep that from
// happening.
func (b *Builder) aliasesOf(v *View) map[string]*Alias {
	all := make(map[string]*Alias, len(b.aliases))
	for name, stored := range b.aliases {
		a := &Alias{AliasRecord: stored.record, Revision: stored.revision}
		for _, uid := range a.UIDs() {
			ix, ok := v.Indexes[uid]
			if !ok {
				a.Missing = append(a.Missing, uid)
				continue
			}
			called := *ix
			called.Name = name
			a.Indexes = append(a.Indexes, &called)
		}
		all[name] = a
	}
	return all
}

// storedAlias is a record with its revision.
type storedAlias struct {
	record   AliasRecord
	revision int64
}

// Next is the record with other targets: one version on, with the state that ends in its history, which keeps the last
// states only.
func (r AliasRecord) Next(targets AliasTargets, at time.Time, by string, keep int) AliasRecord {
	past := append(slices.Clip(r.History), AliasPast{AliasTargets: r.AliasTargets, Version: r.Version, Until: at, By: by})
	r.History = past[max(0, len(past)-keep):]
	r.AliasTargets, r.Version, r.UpdatedAt = targets, r.Version+1, at
	return r
}

// Without is the record without one of several targets; ok is false where that would leave none, as for a single alias.
func (r AliasRecord) Without(uid string, at time.Time, by string, keep int) (left AliasRecord, ok bool) {
	rest := slices.DeleteFunc(slices.Clone(r.Targets), func(t string) bool { return t == uid })
	if r.Kind == AliasSingle || len(rest) == 0 {
		return r, false
	}
	return r.Next(AliasTargets{Targets: rest}, at, by, keep), true
}

// AliasHistory is the number of past states that an alias keeps.
const AliasHistory = 10
