package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/miroir-search/miroir/chaos/history"
	"github.com/miroir-search/miroir/chaos/rival"
	"github.com/miroir-search/miroir/internal/state"
)

// rivals is how many candidates compete for one scope, each with a link to etcd of its own.
const rivals = 3

// compete lets rivals begin. They go on until retire, which waits for them.
func (c *Cluster) compete(ctx context.Context, scope string, now func() int64) (book *rival.Book, retire func(), err error) {
	var stores []*state.Client
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	book, retire = &rival.Book{}, func() {
		cancel()
		running.Wait()
		for _, s := range stores {
			_ = s.Close()
		}
		stores = nil
	}
	for i := range rivals {
		name := fmt.Sprint("rival-", i)
		store, err := state.Open(ctx, state.Options{Endpoints: []string{"http://" + c.links[etcdClient+name].Address()}})
		if err != nil {
			retire()
			return nil, nil, fmt.Errorf("rivals: %w", err)
		}
		stores = append(stores, store)
		r := rival.Rival{Store: store, Scope: scope, Holder: name, Now: now, Book: book}
		running.Go(func() { r.Run(ctx) })
	}
	return book, retire, nil
}

// coordinator is the process that leads the scopes of the cluster itself.
const coordinator = "coordinator-0"

// terms lists the leaderships of the cluster's own scopes that began since it was asked last, as the coordinators tell them: each
// one is later than those before it, and has a larger token.
func (c *Cluster) terms(at func(time.Time) int64) (all []history.Claim) {
	log := c.Log(coordinator)
	fresh := log[min(c.read, len(log)):]
	fresh = fresh[:strings.LastIndexByte(fresh, '\n')+1]
	c.read += len(fresh)
	for line := range strings.Lines(fresh) {
		var term struct {
			Message, Scope string
			Token          int64
			Timestamp      time.Time
		}
		if err := json.Unmarshal([]byte(line), &term); err != nil || term.Message != "scope led by this coordinator" {
			continue
		}
		when := at(term.Timestamp)
		all = append(all, history.Claim{Kind: history.Led, Scope: term.Scope, Holder: coordinator, Token: term.Token, Start: when, End: when + int64(time.Millisecond)})
	}
	return all
}
