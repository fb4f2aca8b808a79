package engine

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// An engine that ends is noticed by the connections that it leaves, before anybody asks it.
func TestBreaksShowTheEndOfAnEngine(t *testing.T) {
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	defer engine.Close()
	c, err := New(engine.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Breaks(); n != 0 {
		t.Fatalf("%d breaks of an engine that answers", n)
	}
	engine.CloseClientConnections()
	for end := time.Now().Add(time.Minute); c.Breaks() == 0; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the end of an idle connection is not noticed")
		}
	}
	before := c.Breaks()
	engine.Close()
	if err := c.Health(t.Context()); err == nil || c.Breaks() == before {
		t.Fatalf("an engine that is not there: %v", err)
	}
}
