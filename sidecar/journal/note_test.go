package journal

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// F8: the log of repairs outlives restarts, is read from its end, and stays for seven days.
func TestLogOfRepairs(t *testing.T) {
	w := &wall{noon}
	dir := t.TempDir()
	j := open(t, dir, w)
	read := func(since time.Time, most int) (list []string) {
		t.Helper()
		if err := j.Notes(since, func(entry []byte) (bool, error) {
			list = append(list, string(entry))
			return len(list) < most, nil
		}); err != nil {
			t.Fatal(err)
		}
		return list
	}
	err := errors.Join(j.Note([]byte("1"), []byte("2")), j.Note())
	w.t = noon.Add(24 * time.Hour)
	err = errors.Join(err, j.Note([]byte("3")), j.Forget("a--1"), j.Close())
	if j = open(t, dir, w); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if got := read(time.Time{}, 9); !slices.Equal(got, []string{"3", "2", "1"}) {
		t.Errorf("%q", got)
	}
	if got := append(read(noon.Add(time.Hour), 9), read(noon, 2)...); !slices.Equal(got, []string{"3", "3", "2"}) {
		t.Errorf("%q", got)
	}
	w.t = noon.Add(noteAge + time.Minute)
	if err := j.Expire(); err != nil {
		t.Fatal(err)
	}
	if got := read(time.Time{}, 9); !slices.Equal(got, []string{"3"}) {
		t.Errorf("after a week: %q", got)
	}
	for i := range noteCount {
		if err := j.Note(fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	large := make([]byte, noteBytes-1000)
	if err := errors.Join(j.Expire(), j.Note(large), j.Expire()); err != nil {
		t.Fatal(err)
	}
	if got := read(time.Time{}, 2*noteCount); len(got) > 1001 || len(got[0]) != len(large) || got[1] != fmt.Sprint(noteCount-1) {
		t.Errorf("%d entries", len(got))
	}
}
