package state

import (
	"testing"
	"time"
)

// AD-1: what was done is listed by time, the newest first, page by page, and is bounded.
func TestAD1ActivityIsListedByTime(t *testing.T) {
	c := open(t)
	start := time.UnixMilli(1_700_000_000_000).UTC()
	for n := range 5 {
		a := Activity{At: start.Add(time.Duration(n) * time.Minute), Actor: "admin", Action: "POST /x", Target: "/x", Status: 200 + n}
		if err := c.AppendActivity(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	before := ""
	for {
		page, err := c.Activities(t.Context(), start.Add(time.Minute), before, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, a := range page {
			got, before = append(got, a.Status), a.Name
		}
	}
	if len(got) != 4 || got[0] != 204 || got[3] != 201 {
		t.Errorf("got %v", got)
	}
	if kept, dropped, err := c.TrimActivity(t.Context(), 3); kept != 3 || dropped != 2 || err != nil {
		t.Errorf("%d kept, %d dropped: %v", kept, dropped, err)
	}
	if list, err := c.Activities(t.Context(), time.Time{}, "", 10); err != nil || len(list) != 3 || list[2].Status != 202 {
		t.Errorf("%v %v", list, err)
	}
}
