package client

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/miroir-search/miroir/internal/nodeapi"
)

// canned answers every request on every connection with the same bytes: what is measured is the client.
func canned(b *testing.B, size int) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 10:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s",
		size, bytes.Repeat([]byte("x"), size))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReaderSize(c, 64<<10)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) != 2 {
						continue
					}
					if _, err := r.Discard(len(leg)); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

var leg = []byte(`{"q":"san","filter":"country = JP","limit":20,"showRankingScoreDetails":true}`)

// One leg of a search: a page of 20 hits.
func BenchmarkLeg(b *testing.B) {
	address := canned(b, 8<<10)
	c := New(Options{NodeKey: "key"})
	defer c.Close()
	r := Request{
		Address: address, Method: http.MethodPost, Path: "/indexes/cities--1/search", ContentType: "application/json", Body: leg,
		Leg: nodeapi.Leg{Epoch: 1234, Shards: []int{0, 3, 4, 5, 9, 12, 15, 17, 20, 21, 22, 23, 30, 31, 40, 44, 48, 50, 60, 63}, Count: 64},
	}
	b.ReportAllocs()
	for b.Loop() {
		if a, err := c.Do(b.Context(), r); err != nil || a.Status != http.StatusOK || len(a.Body) != 8<<10 {
			b.Fatal(a.Status, err)
		}
	}
}
