package journal

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/sidecar/guard"
)

// BenchmarkLeg is what the journal costs a leg, from its first document to its registration: documents of half a
// kilobyte, spread over 64 shards.
func BenchmarkLeg(b *testing.B) {
	for _, documents := range []int{1, 100, 2000, 20_000} {
		for name, lazy := range map[string]bool{"sync": false, "nosync": true} {
			b.Run(fmt.Sprintf("%d/%s", documents, name), func(b *testing.B) {
				j := benchJournal(b, lazy)
				body := []byte(strings.Repeat("x", 499) + "\n")
				b.SetBytes(int64(documents * len(body)))
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					if err := benchLeg(j, n, documents, body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkConcurrentLegs shares syncs of the disk among 32 senders of single documents.
func BenchmarkConcurrentLegs(b *testing.B) {
	for name, lazy := range map[string]bool{"sync": false, "nosync": true} {
		b.Run(name, func(b *testing.B) {
			j := benchJournal(b, lazy)
			body := []byte(strings.Repeat("x", 499) + "\n")
			var n atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := benchLeg(j, int(n.Add(1)), 1, body); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func benchJournal(b *testing.B, lazy bool) *Journal {
	b.Helper()
	j, err := Open(b.TempDir(), hlc.New(time.Now), Options{NoSync: lazy})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = j.Close() })
	return j
}

func benchLeg(j *Journal, n, documents int, body []byte) error {
	w, err := j.Begin(Leg{Index: "a--1", Write: fmt.Sprint(n), Stamp: j.clock.Next(), Kind: guard.Replace})
	if err != nil {
		return err
	}
	for i := range documents {
		op := Op{Shard: i % 64, ID: fmt.Appendf(nil, "product-%d", n*documents+i), Version: guard.VersionOf(w.entry.Stamp, uint64(i)), Body: body} //nolint:gosec // positive
		if err := w.Add(op); err != nil {
			return err
		}
	}
	if err := w.Prepare(); err != nil {
		return err
	}
	defer w.Abandon()
	return w.Register(uint32(n)) //nolint:gosec // small
}
