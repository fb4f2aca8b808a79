package serve

import (
	"net/http"
	"strconv"

	"github.com/miroir-search/miroir/gateway/leg"
	"github.com/miroir-search/miroir/internal/apierr"
)

// headerOverFetch says how many times the window the legs of a search by vectors are asked for (F12).
const headerOverFetch = "X-Miroir-Over-Fetch"

// maxOverFetch is the greatest factor.
const maxOverFetch = 100

// overFetchOf reads the header; given is false where there is none.
func overFetchOf(h http.Header) (factor int, given bool, e *apierr.Error) {
	text := h.Get(headerOverFetch)
	if _, given = h[headerOverFetch]; !given {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n < 1 || n > maxOverFetch {
		return 0, true, apierr.New(apierr.MiroirInvalidHeader, "The value of the header `%s` is invalid: expected an integer between 1 and %d.",
			headerOverFetch, maxOverFetch)
	}
	return int(n), true, nil //nolint:gosec // bounded above
}

// overFetch sets how much the legs of a search bring. A factor of the client's that is too much is refused, one of the
// configuration is lowered.
func (s *Service) overFetch(c *call, l *leg.Search) (lowered bool, e *apierr.Error) {
	factor, given, e := overFetchOf(c.Header)
	if e != nil {
		return false, e
	}
	v := s.tuned().VectorSearch
	if !given {
		factor = v.OverFetchFactor
	}
	if l.OverFetch(factor, v.MaxLegHits) {
		return false, nil
	}
	if given {
		return false, apierr.New(apierr.MiroirOverFetchTooLarge, "A window of %d hits fetched %d times over is more than the %d hits that a leg may bring.",
			l.Window(), factor, v.MaxLegHits)
	}
	return true, nil
}
