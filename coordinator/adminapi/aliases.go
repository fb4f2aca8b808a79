package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miroir-search/miroir/coordinator/aliases"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/routing"
)

// Aliases changes aliases; *aliases.Changer does.
type Aliases interface {
	Create(ctx context.Context, w aliases.Want) (aliases.Outcome, error)
	Flip(ctx context.Context, w aliases.Want) (aliases.Outcome, error)
	Delete(ctx context.Context, w aliases.Want) error
}

// AliasList reads aliases; *state.Client does.
type AliasList interface {
	Alias(ctx context.Context, name string) (rec routing.AliasRecord, revision int64, err error)
	Aliases(ctx context.Context) ([]routing.AliasRecord, error)
}

// aliasView is an alias in answers.
type aliasView struct {
	Name string            `json:"name"`
	Kind routing.AliasKind `json:"kind"`
	routing.AliasTargets
	Version   uint64              `json:"version"`
	Owner     string              `json:"owner,omitempty"`
	CreatedAt time.Time           `json:"created_at"`
	UpdatedAt time.Time           `json:"updated_at"`
	History   []routing.AliasPast `json:"history"`
	*spreadView
}

// spreadView says how far a change is known.
type spreadView struct {
	Propagated bool `json:"propagated"`
	Acked      int  `json:"acked"`
	Fenced     int  `json:"fenced"`
}

func viewOfAlias(a routing.AliasRecord) aliasView {
	if a.History == nil {
		a.History = []routing.AliasPast{}
	}
	return aliasView{
		Name: a.Name, Kind: a.Kind, AliasTargets: a.AliasTargets, Version: a.Version, Owner: a.Owner, CreatedAt: a.CreatedAt,
		UpdatedAt: a.UpdatedAt, History: a.History,
	}
}

// listAliases lists aliases by name. The cursor is the name of the last one of the page before.
func (s *Server) listAliases(w http.ResponseWriter, r *http.Request) *apierr.Error {
	limit, after, e := page(r)
	if e != nil {
		return e
	}
	all, err := s.AliasList.Aliases(r.Context())
	if e := stateError(err, ""); e != nil {
		return e
	}
	out := struct {
		Results []aliasView `json:"results"`
		Cursor  string      `json:"cursor,omitempty"`
	}{Results: []aliasView{}}
	for _, a := range all {
		if a.Name <= after && after != "" {
			continue
		}
		if len(out.Results) == limit {
			out.Cursor = out.Results[limit-1].Name
			break
		}
		out.Results = append(out.Results, viewOfAlias(a))
	}
	return answer(w, out)
}

func (s *Server) alias(w http.ResponseWriter, r *http.Request) *apierr.Error {
	name := r.PathValue("name")
	a, _, err := s.AliasList.Alias(r.Context(), name)
	if e := stateError(err, aliases.NotFound(name).Message); e != nil {
		return e
	}
	return s.aliasAnswer(w, http.StatusOK, aliases.Outcome{Alias: a}, false)
}

func (s *Server) createAlias(w http.ResponseWriter, r *http.Request) *apierr.Error {
	want, e := readWant(r, "name", "target", "targets")
	if e != nil {
		return e
	}
	o, err := s.Aliases.Create(r.Context(), want)
	if e := refusalOf(err); e != nil {
		return e
	}
	if !o.Changed {
		return s.aliasAnswer(w, http.StatusOK, o, true)
	}
	return s.aliasAnswer(w, http.StatusCreated, o, true)
}

func (s *Server) flipAlias(w http.ResponseWriter, r *http.Request) *apierr.Error {
	want, e := readWant(r, "target", "targets", "force")
	if e == nil {
		want.Version, e = ifMatch(r)
	}
	if e != nil {
		return e
	}
	o, err := s.Aliases.Flip(r.Context(), want)
	if e := refusalOf(err); e != nil {
		return e
	}
	if !o.Spread.Propagated {
		return s.aliasAnswer(w, http.StatusAccepted, o, true)
	}
	return s.aliasAnswer(w, http.StatusOK, o, true)
}

func (s *Server) deleteAlias(w http.ResponseWriter, r *http.Request) *apierr.Error {
	want := aliases.Want{Name: r.PathValue("name"), By: operator}
	var e *apierr.Error
	if want.Version, e = ifMatch(r); e != nil {
		return e
	}
	if e := refusalOf(s.Aliases.Delete(r.Context(), want)); e != nil {
		return e
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// operator is whoever has the admin key.
const operator = "admin"

// aliasAnswer sends an alias. Its tag is its version.
func (s *Server) aliasAnswer(w http.ResponseWriter, status int, o aliases.Outcome, spread bool) *apierr.Error {
	v := viewOfAlias(o.Alias)
	if spread {
		v.spreadView = &spreadView{o.Spread.Propagated, o.Spread.Acked, o.Spread.Fenced}
	}
	w.Header().Set("ETag", `"`+strconv.FormatUint(o.Alias.Version, 10)+`"`)
	return answerWith(w, status, v)
}

// refusalOf is a change's error as it is answered.
func refusalOf(err error) *apierr.Error {
	var refused *apierr.Error
	if errors.As(err, &refused) {
		return refused
	}
	return stateError(err, "")
}

// ifMatch reads the version that an alias must be at, nil where the request does not say.
func ifMatch(r *http.Request) (*uint64, *apierr.Error) {
	tag := strings.TrimSpace(r.Header.Get("If-Match"))
	if tag == "" || tag == "*" {
		return nil, nil
	}
	version, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), 10, 64)
	if err != nil {
		return nil, apierr.New(apierr.MiroirInvalidHeader, "The header `If-Match` must be the version of the alias.")
	}
	return &version, nil
}

// readWant reads the body of a change: members that are allowed, and either a target or targets.
func readWant(r *http.Request, allowed ...string) (aliases.Want, *apierr.Error) {
	w := aliases.Want{Name: r.PathValue("name"), By: operator}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return w, apierr.New(apierr.PayloadTooLarge, "The body is larger than %d bytes.", maxBody)
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &members); err != nil {
		return w, apierr.New(apierr.MiroirConfigInvalid, "The body must be a JSON object.")
	}
	var target *string
	var targets []string
	for name, value := range members {
		if !slices.Contains(allowed, name) {
			return w, apierr.New(apierr.MiroirConfigInvalid, "`%s`: there is no such member.", name)
		}
		var err error
		switch name {
		case "name":
			var given string
			if err = json.Unmarshal(value, &given); err == nil && w.Name != "" && given != w.Name {
				return w, apierr.New(apierr.MiroirConfigInvalid, "`name`: it is not the one in the path.")
			}
			w.Name = given
		case "target":
			err = json.Unmarshal(value, &target)
		case "targets":
			err = json.Unmarshal(value, &targets)
		case "force":
			err = json.Unmarshal(value, &w.Force)
		}
		if err != nil {
			return w, apierr.New(apierr.MiroirConfigInvalid, "`%s`: wrong type.", name)
		}
	}
	switch single, several := target != nil, len(members["targets"]) > 0 && !bytes.Equal(members["targets"], []byte("null")); {
	case single == several:
		return w, apierr.New(apierr.MiroirConfigInvalid, "`target`: give either `target` or `targets`.")
	case single:
		w.Kind, w.Targets = routing.AliasSingle, []string{*target}
	default:
		w.Kind, w.Targets = routing.AliasMulti, targets
	}
	return w, nil
}
