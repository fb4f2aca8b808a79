package main

import (
	"testing"
	"time"
)

// Requests count where they were under way, and what went on until the end of the span is told as such.
func TestTake(t *testing.T) {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	at := func(begin, end float64, status int, degraded bool) answer {
		return answer{begin: noon.Add(time.Duration(begin * 1e9)), end: noon.Add(time.Duration(end * 1e9)), status: status, degraded: degraded}
	}
	answers := []answer{
		at(-2, -1, 503, false), at(-1, 1, 503, false), at(2, 2.5, 200, true), at(3, 4, 0, false), at(19, 19.5, 200, false), at(21, 22, 503, false),
		{write: true, begin: noon, end: noon, status: 503},
	}
	got := take(answers, false, noon, noon.Add(20*time.Second))
	if got.all != 4 || got.failed != 2 || got.degraded != 1 || got.failures() != "2 of 4 (503: 1, no answer: 1)" {
		t.Errorf("%+v, %s", got, got.failures())
	}
	if text := until(got.failed, got.lastFailed, 20*time.Second); text != "4.0 s" {
		t.Error(text)
	}
	if text := until(got.failed, got.lastFailed, 4500*time.Millisecond); text != "until it is back" {
		t.Error(text)
	}
	if text := until(0, 0, 20*time.Second); text != "–" {
		t.Error(text)
	}
}
