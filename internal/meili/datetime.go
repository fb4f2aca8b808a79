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
	return t, err == nil
}

// parseDate reads a day, at its begin in UTC.
func parseDate(s string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil && len(s) == len(time.DateOnly)
}

// parseSecond reads a time in UTC without zone and fraction, with a T or a space in the middle.
func parseSecond(s string) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05"
	if len(s) != len(layout) || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, s[:10]+"T"+s[11:])
	return t, err == nil
}
