package webhooks

import (
	"net/http"
	"time"
)

// Bounds of what is posted at once, and pauses between two attempts.
const (
	mostTasks    = 1000
	mostBytes    = 1 << 20 // before compression; one task may be more
	pauseFirst   = time.Second
	pauseLongest = time.Minute
)

// outcome is what became of an attempt to post.
type outcome uint8

const (
	delivered outcome = iota
	failed            // the webhook is down, or not ready
	refused           // it does not want what was sent
	moved             // it is elsewhere, or wants to be asked there for the result
)

// outcomeOf reads the status of an answer. What may be a matter of time or of settings is no refusal.
func outcomeOf(status int) outcome {
	switch {
	case status >= 200 && status < 300:
		return delivered
	case status >= 300 && status < 400:
		return moved
	case status < 400 || status >= 500:
		return failed
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusGone, http.StatusTooEarly, http.StatusTooManyRequests:
		return failed
	}
	return refused
}

// attempt is what was tried.
type attempt struct {
	outcome outcome
	ended   []time.Time // when the tasks that were posted ended, in their order
	tries   int         // how often in a row it failed before
	most    int         // so many tasks could have been posted
}

// step is what comes next.
type step struct {
	on    int           // so many of the tasks are done with, the first ones
	drop  bool          // they are dropped, not delivered
	most  int           // so many tasks are posted next, at most
	pause time.Duration // before that
}

// decide says what comes after an attempt. Tasks that failed are tried again until they are older than keep. What is refused is
// halved until the one that is not wanted is alone; that one is dropped, and as long as others are, each goes alone. A
// redirection is not followed, and nothing is sent again: servers redirect after they have taken what was posted, too.
func decide(a attempt, now time.Time, keep time.Duration) step {
	switch {
	case a.outcome == delivered:
		return step{on: len(a.ended), most: min(2*a.most, mostTasks)}
	case a.outcome == moved:
		return step{on: len(a.ended), drop: true, most: a.most}
	case a.outcome == refused && len(a.ended) > 1:
		return step{most: len(a.ended) / 2}
	case a.outcome == refused:
		return step{on: 1, drop: true, most: 1}
	}
	s := step{most: a.most, pause: min(pauseFirst<<min(a.tries, 10), pauseLongest)}
	for s.on < len(a.ended) && now.Sub(a.ended[s.on]) > keep {
		s.on, s.drop = s.on+1, true
	}
	return s
}
