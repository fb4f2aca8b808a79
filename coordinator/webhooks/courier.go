package webhooks

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/internal/failpoint"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/state"
	"github.com/miroir-search/miroir/internal/task"
	"github.com/miroir-search/miroir/internal/webhook"
)

// noteEvery is how long the store may not know what a webhook was told, while it is told more and more.
const noteEvery = time.Second

// endTime is how long a request under way, and then noting what came of it, may take at the end.
const endTime = 2 * time.Second

// withoutURL is the cause of a request's failure.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// courier posts finished tasks to one webhook.
type courier struct {
	*Service
	leader Leader
	uuid   string
	client *http.Client
	log    zerolog.Logger

	early map[uint32]bool // tasks that had ended before the webhook was made, though it was recorded later

	at    int64     // revision up to which the webhook was told
	noted int64     // the same, as the store knows it
	since time.Time // when that was noted
	most  int       // tasks to post at once
	tries int       // how often in a row posting failed
}

// run posts until ctx ends or the webhook is gone.
func (c *courier) run(ctx context.Context) error {
	defer c.Metrics.pending.DeleteLabelValues(c.uuid)
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		if err := c.note(end); err != nil {
			c.log.Debug().Err(err).Msg("webhook will be told some tasks again")
		}
	}()
	ended, cancelEnded := c.Tasks.Subscribe()
	defer cancelEnded()
	changed, cancelChanged := c.Hooks.Subscribe()
	defer cancelChanged()
	for ctx.Err() == nil {
		pause, err := c.turn(ctx)
		if errors.Is(err, state.ErrNotFound) {
			return nil // the webhook is gone
		}
		if err != nil {
			return err
		}
		if pause == 0 {
			continue
		}
		news := ended
		if c.tries > 0 {
			news = nil // the webhook is left in peace until the pause is over, or it was changed
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-news:
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// begin finds out where the webhook is.
func (c *courier) begin(ctx context.Context) error {
	r := c.Hooks.Webhooks().Get(c.uuid)
	if r == nil {
		return nil // turn sees it
	}
	cursor, err := c.Store.WebhookCursor(ctx, c.uuid)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	early, err := task.ParseUIDs(r.Ended)
	if err != nil {
		return err
	}
	c.early = make(map[uint32]bool, len(early))
	for _, uid := range early {
		c.early[uid] = true
	}
	c.at, c.noted, c.most, c.since = max(r.Born, cursor.Revision), cursor.Revision, mostTasks, c.Now()
	return nil
}

// turn posts what there is, once, and says how long to wait then: 0 is not at all. ErrNotFound when the webhook is gone.
func (c *courier) turn(ctx context.Context) (pause time.Duration, err error) {
	r := c.Hooks.Webhooks().Get(c.uuid)
	if r == nil {
		return 0, state.ErrNotFound
	}
	if c.at > c.noted && c.Now().Sub(c.since) >= noteEvery {
		if err := c.note(ctx); err != nil {
			return 0, err
		}
	}
	c.Metrics.pending.WithLabelValues(c.uuid).Set(float64(c.Tasks.CountEndedAfter(c.at)))
	tasks := c.Tasks.EndedAfter(c.at, c.most)
	if len(tasks) == 0 {
		if c.at > c.noted {
			return noteEvery, nil
		}
		return pauseLongest, nil
	}
	behind := tasks[len(tasks)-1].Revision
	if tasks = slices.DeleteFunc(tasks, func(t state.Ended) bool { return c.early[t.UID] }); len(tasks) == 0 {
		c.at = behind
		return 0, nil
	}
	w, err := r.Open(c.Seal)
	if err != nil {
		c.log.Error().Err(err).Msg("webhook can not be opened, no key fits its seal")
		return pauseLongest, nil
	}
	body, n, unopened, err := lines(tasks, c.Seal)
	if err != nil {
		return 0, err
	}
	if unopened != nil {
		c.log.Error().Err(unopened).Msg("tasks are posted without secrets that can not be opened")
	}
	return c.after(ctx, tasks[:n], c.attempt(ctx, w, body)), nil
}

// attempt posts, and says what came of it.
func (c *courier) attempt(ctx context.Context, w meili.Webhook, body []byte) outcome {
	failpoint.Before("webhook", "post")
	began := time.Now()
	// What is about to be answered at the end is heard, so that it is not posted again.
	request, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endTime, cancel) })()
	status, err := post(request, c.client, w, body)
	c.Metrics.duration.Observe(time.Since(began).Seconds())
	result := failed
	if err == nil {
		result = outcomeOf(status)
	}
	failpoint.After("webhook", "post")
	if ctx.Err() != nil {
		return result // nobody's fault
	}
	c.Metrics.requests.WithLabelValues(resultNames[result]).Inc()
	if result != delivered {
		c.log.Warn().Err(err).Int("status", status).Int("tries", c.tries+1).Msg("webhook did not take tasks")
	}
	return result
}

// after moves on behind an attempt, and says how long to wait.
func (c *courier) after(ctx context.Context, tasks []state.Ended, result outcome) time.Duration {
	if ctx.Err() != nil && result != delivered {
		return noteEvery // it was given up, which says nothing about the webhook
	}
	a := attempt{outcome: result, tries: c.tries, most: c.most}
	for _, t := range tasks {
		at := t.EnqueuedAt
		if t.FinishedAt != nil {
			at = *t.FinishedAt
		}
		a.ended = append(a.ended, at)
	}
	s := decide(a, c.Now(), c.Keep)
	c.most, c.tries = s.most, 0
	if result == failed {
		c.tries = a.tries + 1
	}
	if s.on == 0 {
		return s.pause
	}
	c.at = tasks[s.on-1].Revision
	name := "delivered"
	if s.drop {
		name = "dropped"
		c.log.Error().Int("tasks", s.on).Uint32("first", tasks[0].UID).Msg("webhook does not get tasks, they are dropped")
	}
	c.Metrics.tasks.WithLabelValues(name).Add(float64(s.on))
	return s.pause
}

// note records what the webhook was told.
func (c *courier) note(ctx context.Context) error {
	if c.at <= c.noted {
		return nil
	}
	failpoint.Before("webhook", "note")
	err := c.leader.PutWebhookCursor(ctx, c.uuid, webhook.Cursor{Revision: c.at, UpdatedAt: c.Now()})
	failpoint.After("webhook", "note")
	if err == nil {
		c.noted, c.since = c.at, c.Now()
	}
	return err
}
