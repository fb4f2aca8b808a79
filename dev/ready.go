package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/miroir-search/miroir/dev/supervise"
	"github.com/miroir-search/miroir/internal/routing"
	"github.com/miroir-search/miroir/internal/state"
)

const (
	lookEvery  = 50 * time.Millisecond
	lookTime   = 2 * time.Second // for one question
	maxAnswer  = 64 << 10
	tolerated  = 5 // ends of one process while the cluster starts
	probeIndex = "miroir-dev-no-such-index"
)

// ready waits until the cluster does its work: all nodes are admitted and well, and a search comes back from the
// ingress.
func (c *cluster) ready(ctx context.Context, s *supervise.Supervisor) error {
	for _, n := range c.nodes() {
		well := func(ctx context.Context) error { return c.expectOK(ctx, n.Sidecar+"/healthz") }
		if err := c.until(ctx, s, n.ID, well); err != nil {
			return err
		}
	}
	if err := c.until(ctx, s, "nodes", c.nodesAdmitted); err != nil {
		return err
	}
	for i := range c.options.envoys {
		searches := func(ctx context.Context) error { return c.ingressSearches(ctx, c.ingress(i)) }
		if err := c.until(ctx, s, "ingress of "+envoyName(i), searches); err != nil {
			return err
		}
	}
	return nil
}

// until asks again and again until the answer is good, a process fails for good, or ctx ends.
func (c *cluster) until(ctx context.Context, s *supervise.Supervisor, what string, good func(context.Context) error) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		question, cancel := context.WithTimeout(ctx, lookTime)
		err := good(question)
		cancel()
		if err == nil {
			return nil
		}
		if failure := s.Check(tolerated); failure != nil {
			return failure
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), err), s.Check(0))
		}
	}
}

func (c *cluster) etcdServes(ctx context.Context) error {
	return c.expectOK(ctx, c.ports.url("etcd-client")+"/health")
}

func (c *cluster) enginesServe(ctx context.Context) error {
	for _, n := range c.nodes() {
		if err := c.expectOK(ctx, n.Engine+"/health"); err != nil {
			return err
		}
	}
	return nil
}

// nodesAdmitted looks into the cluster's state: an index made before every node is admitted would get too few nodes. The
// gateway must have seen them too, or the first write would find too few copies alive.
func (c *cluster) nodesAdmitted(ctx context.Context) error {
	client, err := state.Open(ctx, state.Options{Endpoints: []string{c.ports.url("etcd-client")}, Cluster: clusterName})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	watch, err := client.WatchView(ctx, zerolog.Nop())
	if err != nil {
		return err
	}
	var missing string
	v, err := watch.Wait(ctx, func(v *routing.View) bool {
		missing = c.notAdmitted(v)
		return missing == ""
	})
	if err != nil {
		return fmt.Errorf("%s is not admitted: %w", missing, err)
	}
	gateways, err := client.Gateways(ctx)
	if err != nil {
		return err
	}
	for _, name := range each(c.options.gateways, gatewayName) {
		if g, ok := gateways[name]; !ok || g.Epoch < v.Epoch {
			return fmt.Errorf("%s does not route by the view with all nodes yet", name)
		}
	}
	return nil
}

// notAdmitted names a node that does not take part yet; empty when all do.
func (c *cluster) notAdmitted(v *routing.View) string {
	for _, n := range c.nodes() {
		if known := v.Nodes[n.ID]; known.State == routing.NodeJoining || known.State == "" || !known.OK {
			return n.ID
		}
	}
	return ""
}

// ingressSearches proves the whole way of a request: a search of an index that does not exist gets Meilisearch's own
// answer through Envoy and the gateway.
func (c *cluster) ingressSearches(ctx context.Context, ingress string) error {
	if err := c.expectOK(ctx, ingress+"/health"); err != nil {
		return err
	}
	status, body, err := c.ask(ctx, http.MethodPost, ingress+"/indexes/"+probeIndex+"/search", []byte(`{"q":""}`))
	if err != nil {
		return err
	}
	var answer struct{ Code string }
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusNotFound || answer.Code != "index_not_found" {
		return fmt.Errorf("search: status %d, code %q", status, answer.Code)
	}
	return nil
}

func (c *cluster) expectOK(ctx context.Context, url string) error {
	status, _, err := c.ask(ctx, http.MethodGet, url, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: status %d", url, status)
	}
	return err
}

func (c *cluster) ask(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("ask: %w", err)
	}
	if method == http.MethodPost { // only the ingress is asked more than for its health
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+c.keys.master)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("ask: %w", err)
	}
	return response.StatusCode, answer, nil
}
