package serve

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/tuning"
)

// A5.1: a read that came to a node while its settings were changed is made again on nodes that show the committed ones, whatever
// kind it is; the first answer is not seen.
func TestA51ReadsAreMadeAgainElsewhere(t *testing.T) {
	script := func(word string) []scripted {
		return []scripted{
			{"/search", "", 200, answerOf(1, words(1, 5))}, {"/facet-search", "", 200, `{"facetHits":[],"facetQuery":null,"processingTimeMs":0}`},
			{"/documents/fetch", "", 200, `{"results":[{"id":"` + word + `"}],"offset":0,"limit":20,"total":1}`},
			{"/multi-search", "", 200, `{"hits":[],"processingTimeMs":0,"limit":20,"offset":0,"estimatedTotalHits":0,"semanticHitCount":0}`},
		}
	}
	live := tuning.Default()
	for _, seen := range []string{nodeapi.SettingsChanging, nodeapi.SettingsTag("the next ones")} {
		odd, good := &readNode{answers: script("odd"), shows: seen}, &readNode{answers: script("good"), shows: nodeapi.SettingsTag("committed")}
		s := twoGroups(t, [2]*readNode{odd, good}, &live)
		for i := range 8 {
			for path, body := range map[string]string{
				"/indexes/a/search": fmt.Sprintf(`{"q":"x%d"}`, i), "/indexes/a/facet-search": fmt.Sprintf(`{"facetName":"f%d"}`, i),
				"/indexes/a/documents/fetch": fmt.Sprintf(`{"limit":%d}`, i+1), "/multi-search": fmt.Sprintf(`{"federation":{},"queries":[{"indexUid":"a","q":"x%d"}]}`, i),
			} {
				r := ask(t, s, "", "POST", path, json.RawMessage(body))
				if r.Status != 200 || r.Header.Get(reply.HeaderInconsistent) != "" || strings.Contains(string(r.Body), "odd") {
					t.Errorf("%s %s: %d %s %v", path, body, r.Status, r.Body, r.Header)
				}
			}
		}
		if odd.times("") == 0 || good.times("") < 32 {
			t.Errorf("one was asked %d times, the other %d", odd.times(""), good.times(""))
		}
		both := twoGroups(t, [2]*readNode{odd, {answers: script("odd"), shows: seen}}, &live)
		if r := ask(t, both, "", "POST", "/indexes/a/search", json.RawMessage(`{"q":"x"}`)); r.Status != 200 || r.Header.Get(reply.HeaderInconsistent) != "true" {
			t.Errorf("nobody shows the committed settings: %d %s %v", r.Status, r.Body, r.Header)
		}
	}
}
