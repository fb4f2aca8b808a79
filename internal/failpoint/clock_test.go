package failpoint

import (
	"testing"
	"time"
)

func TestAClockIsSetOffAndRightAgain(t *testing.T) {
	folder := t.TempDir()
	for _, off := range []time.Duration{0, time.Hour, -90 * time.Second, 0} {
		if err := SetClock(folder, off); err != nil {
			t.Fatal(err)
		}
		before := time.Now().Add(off)
		got := now(folder)
		if after := time.Now().Add(off); got.Before(before) || got.After(after) {
			t.Errorf("off by %s: %s is not between %s and %s", off, got, before, after)
		}
	}
}
