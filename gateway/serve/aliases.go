package serve

import (
	"context"
	"strings"

	"github.com/miroir-search/miroir/gateway/operation"
	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

// resolve notes what the operation's name of an index stands for. All that the request does rests on it (RT-6).
func (c *call) resolve() {
	c.alias = c.aliasOf(c.op.Index)
	c.op.Targets = targetsOf(c.alias)
}

// aliasOf is the alias of a name, nil where it is none.
func (c *call) aliasOf(name string) *routing.Alias {
	if _, index := c.view.Indexes[name]; index {
		return nil
	}
	return c.view.Aliases[name]
}

func targetsOf(a *routing.Alias) []string {
	if a == nil {
		return nil
	}
	return a.UIDs()
}

// isMulti says whether there is an alias, and of several indexes.
func isMulti(a *routing.Alias) bool { return a != nil && a.Kind == routing.AliasMulti }

// uid is the logical index that the operation is about: what its name stands for, unless that is several.
func (c *call) uid() string {
	if c.alias == nil || isMulti(c.alias) {
		return c.op.Index
	}
	return c.alias.Target
}

// called is an index under the name that the client used.
func (c *call) called(ix *routing.Index) *routing.Index {
	if ix.Name == c.op.Index {
		return ix
	}
	named := *ix
	named.Name = c.op.Index
	return &named
}

// allowed says whether the request may touch what a name stands for.
func (c *call) allowed(name string) bool {
	return c.grant.Index(name, targetsOf(c.aliasOf(name))...)
}

// filterOf is the filter that the credential puts on searches of an index that goes by a name.
func (c *call) filterOf(ix *routing.Index) []byte { return c.grant.Filter(ix.Name, ix.UID) }

// dispatch serves the operation by its handler. A write whose alias was flipped before it was recorded is served again, to
// what the alias stands for now.
func (s *Service) dispatch(ctx context.Context, c *call) *reply.Reply {
	defer c.close()
	for moves := 0; ; moves++ {
		if a := c.alias; a != nil {
			s.Metrics.resolved(a.Name)
			if isMulti(a) && c.op.Kind.Writes() { // RT-5
				return reply.Error(notWritable(a))
			}
		}
		serve := handlers[c.op.Kind]
		if isMulti(c.alias) && c.op.Kind != operation.Explain { // which says itself what it makes of them
			if serve = reads[c.op.Kind]; serve == nil {
				return unserved(c)
			}
		}
		answer := serve(s, ctx, c)
		if !c.moved || moves == maxMoves {
			return answer
		}
		if e, err := s.follow(ctx, c); err != nil {
			return answer
		} else if e != nil {
			return reply.Error(e)
		}
	}
}

// maxMoves bounds how often a write follows its alias.
const maxMoves = 5

// follow waits for a view that knows more of the call's alias than its own, and goes on with that. Whether the credential
// allows what the alias stands for now is asked again.
func (s *Service) follow(ctx context.Context, c *call) (*apierr.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.State)
	defer cancel()
	known := c.alias.Revision
	v, err := s.Views.Wait(ctx, func(v *routing.View) bool {
		a, ok := v.Aliases[c.op.Index]
		return !ok || a.Revision != known
	})
	if err != nil {
		return nil, err
	}
	c.view, c.moved = v, false
	c.resolve()
	var e *apierr.Error
	c.grant, e = s.Auth.Check(c.op, c.Header)
	return e, nil
}

// by is the alias that the call came by, as the call knows it; nil for none.
func (c *call) by() *state.AliasAt {
	if c.alias == nil {
		return nil
	}
	return &state.AliasAt{Name: c.alias.Name, Revision: c.alias.Revision}
}

// close lets go of what the call kept in case it is served again.
func (c *call) close() {
	if c.batch != nil {
		c.batch.Close()
	}
}

func notWritable(a *routing.Alias) *apierr.Error {
	if a.Owner != "" {
		return apierr.New(apierr.MiroirMultiAliasReadOnly,
			"The alias `%s` stands for several indexes and takes no writes. It belongs to `%s`.", a.Name, a.Owner)
	}
	return apierr.New(apierr.MiroirMultiAliasReadOnly,
		"The alias `%s` stands for several indexes and takes no writes. Write to one of them: %s.", a.Name, quoted(a.Targets))
}

func quoted(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// targeted answers the deletion of an index that aliases stand for.
func targeted(e *state.TargetedError) *reply.Reply {
	return reply.Error(apierr.New(apierr.MiroirConflict,
		"The index `%s` can not be deleted while aliases stand for it: %s.", e.UID, quoted(e.Aliases)))
}

// leaving decides about the aliases of an index that is deleted. Without force none may stand for it; with it, those of
// several indexes are left with the others.
func (c *call) leaving(uid string, force bool) state.Leaving {
	return func(a routing.AliasRecord) *routing.AliasRecord {
		left, ok := a.Without(uid, c.now, "deletion of "+uid, routing.AliasHistory)
		if !force || !ok || a.Owner != "" {
			return nil
		}
		return &left
	}
}

// movedReply answers a write that could not keep up with its alias.
func movedReply() *reply.Reply {
	return reply.Error(apierr.New(apierr.MiroirStateUnavailable, "The alias changed while the request was accepted. Send it again."))
}

// leaveTarget ends the task of an earlier attempt whose alias was flipped since: the write begins anew, for what the alias
// stands for now.
func (s *Service) leaveTarget(ctx context.Context, c *call) error {
	if c.once == nil || !c.once.open || c.once.resume.Resolved == "" || c.alias != nil && c.once.resume.Resolved == c.uid() {
		return nil
	}
	old := *c.once.resume
	old.Finish(s.time(), apierr.New(apierr.MiroirConflict, "The alias `%s` was flipped before the write was complete.", c.op.Index))
	c.once.resume, c.once.open = nil, false
	_, err := s.Store.FinishTask(ctx, old)
	return err
}
