package settings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// fill makes an index of the documents that the suite searches.
func (p place) fill(index string) {
	GinkgoHelper()
	var lines strings.Builder
	for i := range plenty {
		fmt.Fprintf(&lines, `,{"id":%d,"text":"word%d alpha","kind":"k%d"}`, i, i%100, i%5)
	}
	p.run("POST", "/indexes/"+index+"/documents", "["+lines.String()[1:]+"]")
	p.run("PATCH", "/indexes/"+index+"/settings", `{"filterableAttributes":["kind"],"pagination":{"maxTotalHits":100000}}`)
}

// version is the committed version of an index's settings.
func (p place) version(settings string) uint64 {
	GinkgoHelper()
	v, err := strconv.ParseUint(p.ask("GET", settings, "").header.Get(headerVersion), 10, 64)
	Expect(err).NotTo(HaveOccurred())
	return v
}

// states are what the nodes of an index are said to be.
func (p place) states(index string) (list []string) {
	GinkgoHelper()
	var status struct{ Nodes []struct{ State string } }
	Expect(json.Unmarshal(p.ask("GET", "/_miroir/indexes/"+index+"/settings/status", "").body, &status)).To(Succeed())
	for _, n := range status.Nodes {
		list = append(list, n.State)
	}
	return list
}

// read searches until it is stopped. Then it tells how often each total was found by version, and how many answers were marked as
// possibly mixed. Every answer must be one.
func (p place) read(body string) (stop func() (seen map[string]map[int]int, marked int)) {
	seen, marked := map[string]map[int]int{}, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	done := make(chan struct{})
	tick := time.NewTicker(time.Second / qps)
	const readers = 4
	for range readers {
		all.Go(func() {
			defer GinkgoRecover()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				a := p.ask("POST", search, body)
				Expect(a.status).To(Equal(http.StatusOK), "%s", a.body)
				var found struct{ TotalHits int }
				Expect(json.Unmarshal(a.body, &found)).To(Succeed())
				mu.Lock()
				if v := a.header.Get(headerVersion); a.header.Get(headerInconsistent) != "" {
					marked++
				} else {
					if seen[v] == nil {
						seen[v] = map[int]int{}
					}
					seen[v][found.TotalHits]++
				}
				mu.Unlock()
			}
		})
	}
	return func() (map[string]map[int]int, int) {
		close(done)
		all.Wait()
		tick.Stop()
		return seen, marked
	}
}
