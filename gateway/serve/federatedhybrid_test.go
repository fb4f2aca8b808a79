package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// F12, MG-10: of a hybrid query in a federation the cluster decides whether words are good enough, by the hits of all nodes,
// and its vector is made once.
func TestF12HybridQueriesOfAFederation(t *testing.T) {
	const settings = `{"embedders":{"e":{"source":"rest"}}}`
	const list = `{"hits":[],"processingTimeMs":0,"limit":1,"offset":0,"estimatedTotalHits":0}`
	node := func(words string) *readNode {
		return &readNode{answers: []scripted{
			{"/multi-search", "", 200, list}, {"/search", `"limit":0`, 200, `{"hits":[],"queryVector":[7,8],"estimatedTotalHits":0}`},
			{"/search", `"semanticRatio":0.0`, 200, words},
		}}
	}
	for _, c := range []struct {
		name, one, two string
		embedded       int
		want, not      string
	}{
		{"words are good enough on one node", answerOf(1, words(1, 99)), answerOf(0), 0, `"semanticRatio":0.0`, `"vector"`},
		{"words are good enough nowhere", answerOf(1, words(1, 2)), answerOf(1, words(2, 1)), 1, `"vector":[7,8]`, `"semanticRatio":0.0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := []*readNode{node(c.one), node(c.two)}
			s := readService(t, nodes, [][]int{{0}, {1}}, settings)
			r := ask(t, s, "", "POST", "/multi-search", json.RawMessage(
				`{"federation":{"limit":1},"queries":[{"indexUid":"a","q":"x","hybrid":{"embedder":"e","semanticRatio":0.5}}]}`))
			if r.Status != http.StatusOK || !strings.Contains(string(r.Body), `"semanticHitCount":0`) {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			if n := nodes[0].times(`"limit":0`) + nodes[1].times(`"limit":0`); n != c.embedded {
				t.Errorf("the vector was made %d times", n)
			}
			for i, n := range nodes {
				if n.times("/multi-search") != 1 {
					t.Errorf("node %d: %v", i, n.asked)
				}
				for _, asked := range n.asked {
					if strings.HasPrefix(asked, "/multi-search") && (!strings.Contains(asked, c.want) || strings.Contains(asked, c.not)) {
						t.Errorf("node %d: %s", i, asked)
					}
				}
			}
		})
	}
}

// F12: where one node has everything it decides by everything, and is asked once.
func TestF12AFederationOfOneNode(t *testing.T) {
	node := &readNode{answers: []scripted{{"/multi-search", "", 200, `{"hits":[],"processingTimeMs":0,"limit":1,"offset":0,"estimatedTotalHits":0}`}}}
	s := readService(t, []*readNode{node}, [][]int{{0}}, `{"embedders":{"e":{"source":"rest"}}}`)
	ask(t, s, "", "POST", "/multi-search", json.RawMessage(`{"federation":{},"queries":[{"indexUid":"a","q":"x","hybrid":{"embedder":"e"}}]}`))
	if len(node.asked) != 1 {
		t.Errorf("%v", node.asked)
	}
}
