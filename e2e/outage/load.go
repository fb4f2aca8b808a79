package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Load of the kills.
const (
	searchers  = 3
	writers    = 2
	pace       = 20 * time.Millisecond // of each client, from answer to request
	answerTime = 15 * time.Second
)

// load is clients at work, who send nothing again.
type load struct {
	url, key  string
	documents int
	http      http.Client
	mu        sync.Mutex
	answers   []answer
}

// run lets clients work until ctx ends.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for n := range searchers + writers {
		all.Go(func() {
			for ctx.Err() == nil {
				l.one(n < writers)
				pause(ctx, pace)
			}
		})
	}
	all.Wait()
}

// one sends one request.
func (l *load) one(write bool) {
	n := rand.IntN(l.documents) //nolint:gosec // any document
	method, path, body := http.MethodPost, "/indexes/"+index+"/search", any(map[string]any{"q": fmt.Sprint("place ", n%1000), "limit": 10})
	if write {
		method, path, body = http.MethodPut, "/indexes/"+index+"/documents", []map[string]any{{"id": n, "changed": time.Now().UnixNano()}}
	}
	a := answer{write: write, begin: time.Now()}
	header, _, err := l.send(method, path, body, &a.status)
	a.end = time.Now()
	if err != nil {
		a.status = 0
	}
	a.degraded = header.Get("X-Miroir-Degraded") != ""
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, a)
}

func (l *load) send(method, path string, body any, status *int) (http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, nil, err
	}
	// Not a bytes.Reader: a request that can be sent again would be, behind our back.
	req, err := http.NewRequestWithContext(ctx, method, l.url+path, io.MultiReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+l.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := l.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	*status = res.StatusCode
	return res.Header, answer, err
}

// told is everything that was answered until now.
func (l *load) told() []answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers[:len(l.answers):len(l.answers)]
}

func document(n int) map[string]any {
	return map[string]any{
		"id": n, "name": fmt.Sprint("Place number ", n), "country": fmt.Sprint("C", n%190), "population": n * 37 % 9_000_000,
		"text": strings.Repeat(fmt.Sprint("some words about place ", n%1000, " "), 6),
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
