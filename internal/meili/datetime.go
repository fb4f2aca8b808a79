package meili

import (
	"strings"
	"time"
)

// parseRFC3339 reads a date-time as Meilisearch does: any one byte may separate date and time, and the zone may be a
// small z. The offset stays as it was given.
func parseRFC3339(s string) (time.Time, bool) {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(s) < shortest || s[13] != ':' || s[16] != ':' || strings.IndexByte(s, ',') >= 0 {
		return time.Time{}, false
	}
	b := []byte(s)
	b[len(time.DateOnly)] = 'T'
	if c := &b[len(b)-1]; *c == 'z' {
		*c = 'Z'
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	_, offset := t.Zone()
	const day = 24 * 60 * 60
	return t, err == nil && offset < day && offset > -day
}

// parseDate reads a day, at its begin in UTC. The year may carry a plus sign.
func parseDate(s string) (time.Time, bool) {
	s = strings.TrimPrefix(s, "+")
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil && len(s) == len(time.DateOnly)
}

// parseSecond reads a time in UTC without zone and fraction, with a T or a space in the middle.
func parseSecond(s string) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05"
	s = strings.TrimPrefix(s, "+")
	if len(s) != len(layout) || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, s[:10]+"T"+s[11:])
	return t, err == nil
}
