package adminapi

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/telemetry"
)

// Activities remembers what people did; *state.Client does.
type Activities interface {
	AppendActivity(ctx context.Context, a state.Activity) error
	Activities(ctx context.Context, since time.Time, before string, most int) ([]state.Activity, error)
}

// noteTime is how long noting an activity may take. What was done is done, whether it is noted or not.
const noteTime = 2 * time.Second

// Bounds of a page of the list.
const (
	pageActivities = 100
	mostActivities = 1000
)

// unnoted are routes that change nothing although their methods do, or that are one step of something that is noted.
var unnoted = map[string]bool{
	"POST /_miroir/dumps/import/check": true, "POST /_miroir/indexes/{uid}/settings/preview": true, "PUT /_miroir/dumps/import/{id}/content": true,
}

// note remembers what an admitted request did (AD-1).
func (s *Server) note(rt route, r *http.Request, status int) {
	if rt.rule != adminOnly || rt.pattern == "/" || unnoted[rt.pattern] || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), noteTime)
	defer cancel()
	err := s.Activity.AppendActivity(ctx, state.Activity{
		At: s.Now(), Actor: "admin", Action: rt.pattern, Target: r.URL.Path, RequestID: telemetry.RequestOf(ctx), Status: status,
	})
	if err != nil {
		s.Log.Warn().Ctx(ctx).Err(err).Msg("activity not noted")
	}
}

var activityCursor = regexp.MustCompile(`^[0-9]{13}-[0-9a-f]{8}$`)

// activity lists what was done, the newest first.
func (s *Server) activity(w http.ResponseWriter, r *http.Request) *apierr.Error {
	q := r.URL.Query()
	since, limit, err := time.Time{}, pageActivities, error(nil)
	if text := q.Get("since"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return apierr.New(apierr.MiroirConfigInvalid, "The parameter `since` must be a time such as 2026-01-31T00:00:00Z.")
		}
	}
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostActivities {
			return apierr.New(apierr.MiroirConfigInvalid, "The parameter `limit` must be 1 to %d.", mostActivities)
		}
	}
	cursor := q.Get("cursor")
	if cursor != "" && !activityCursor.MatchString(cursor) {
		return apierr.New(apierr.MiroirConfigInvalid, "The parameter `cursor` must be one that an answer has given.")
	}
	list, err := s.Activity.Activities(r.Context(), since, cursor, limit)
	if err != nil {
		s.Log.Warn().Ctx(r.Context()).Err(err).Msg("activity not read")
		return apierr.New(apierr.MiroirStateUnavailable, "The activity log can not be read right now. Try again later.")
	}
	var next *string
	if len(list) == limit {
		next = &list[limit-1].Name
	}
	return answer(w, struct {
		Results []state.Activity `json:"results"`
		Cursor  *string          `json:"cursor"`
	}{list, next})
}
