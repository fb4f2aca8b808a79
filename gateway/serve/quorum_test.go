package serve

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/tuning"
)

// WQ-4, WQ-5: what a client is told of a write that a group missed, and of one that all did; both count.
func TestWQ5WhatClientsAreToldOfMissedQuorums(t *testing.T) {
	gateways, nodes := grouped(t, 1, 3)
	s := gateways[0]
	refuse := func(list ...int) {
		for _, n := range list {
			nodes[n].mu.Lock()
			nodes[n].refuses = nodeapi.CodeEngineDown
			nodes[n].mu.Unlock()
		}
	}
	write := func() *reply.Reply {
		return ask(t, s, masterKey, "POST", "/indexes/a/documents/delete-batch", []int{1})
	}
	if r := write(); r.Status != http.StatusAccepted || r.Header.Get(reply.HeaderDegraded) != "" {
		t.Fatalf("%d %s %v", r.Status, r.Body, r.Header)
	}
	refuse(0, 2)
	if r := write(); r.Status != http.StatusAccepted || r.Header.Get(reply.HeaderDegraded) != "groups=0,2; shards=0" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
	refuse(1)
	r := write()
	if r.Status != http.StatusServiceUnavailable || codeOf(t, r) != apierr.MiroirNoQuorum || !strings.Contains(string(r.Body), "shards 0 ") ||
		!strings.Contains(string(r.Body), `"type":"system"`) || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
	for group, want := range map[string]float64{"0": 2, "1": 1, "2": 2} {
		if got := testutil.ToFloat64(s.Metrics.missed.WithLabelValues(group)); got != want {
			t.Errorf("group %s missed %v quorums", group, got)
		}
	}
}

// WQ-2, WQ-5: while a copy's node is down the other one is enough, and the answer says so, unless the operator wants as many copies as
// are configured.
func TestWQ2QuorumBase(t *testing.T) {
	gateways, nodes := replicated(t, 1, 1, 2)
	s := gateways[0]
	nodes[1].refuses = nodeapi.CodeEngineDown
	session, err := s.Store.NewSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Put(t.Context(), "health/n1", routing.HealthRecord{V: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Views.Wait(t.Context(), func(v *routing.View) bool { return !v.Nodes["n1"].OK }); err != nil {
		t.Fatal(err)
	}
	live := tuning.Default()
	s.Tuning = func() *tuning.Live { return &live }
	for _, c := range []struct {
		base, degraded string
		status         int
	}{{tuning.QuorumLive, "shards=0", http.StatusAccepted}, {tuning.QuorumConfigured, "", http.StatusServiceUnavailable}} {
		live.Quorum.Base = c.base
		r := ask(t, s, masterKey, "POST", "/indexes/a/documents/delete-batch", []int{1})
		if r.Status != c.status || r.Header.Get(reply.HeaderDegraded) != c.degraded {
			t.Errorf("%s: %d %s %v", c.base, r.Status, r.Body, r.Header)
		}
	}
}

// WQ-2, WQ-6: a write waits for a node that stands still until that is known to be down, and goes on without it: its copy is marked, and
// the other one is enough by then.
func TestWQ2ANodeThatStandsStill(t *testing.T) {
	gateways, nodes := replicated(t, 1, 1, 2)
	s := gateways[0]
	hangs := make(chan struct{})
	defer close(hangs)
	nodes[1].hangs = hangs
	session, err := s.Store.NewSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan *reply.Reply, 1)
	go func() { answer <- ask(t, s, masterKey, "POST", "/indexes/a/documents/delete-batch", []int{1}) }()
	for { // the write is with the node
		nodes[1].mu.Lock()
		there, moved := len(nodes[1].writes) > 0, nodes[1].moved
		nodes[1].mu.Unlock()
		if there {
			break
		}
		<-moved
	}
	if err := session.Put(t.Context(), "health/n1", routing.HealthRecord{V: 1}); err != nil {
		t.Fatal(err)
	}
	if r := <-answer; r.Status != http.StatusAccepted || r.Header.Get(reply.HeaderDegraded) != "shards=0" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
	marks, err := s.Store.Marks(t.Context(), "a--1")
	if err != nil || len(marks) != 1 || marks[0].Node != "n1" {
		t.Errorf("%+v %v", marks, err)
	}
}
