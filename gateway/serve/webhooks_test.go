package serve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/gateway/reply"
	"github.com/miroir-search/miroir/internal/state"
)

var (
	placeholder = regexp.MustCompile(`\$(\d+)`)
	version4    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
)

// recordedWebhook is a request of testdata/webhooks.jsonl and what a real 1.50, empty at the start, answered. $n is the uuid of
// the nth webhook that was made, <uuid> any other.
type recordedWebhook struct {
	Method, Path string
	Body, Auth   *string
	Status       int
	Answer       string
}

func recordedWebhooks(t *testing.T) []recordedWebhook {
	t.Helper()
	f, err := os.Open("testdata/webhooks.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var list []recordedWebhook
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one recordedWebhook
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		list = append(list, one)
	}
	return list
}

// withoutOrder sorts the webhooks of a list, which Meilisearch lists by uuid, and those are random.
func withoutOrder(answer string) string {
	inner, isList := strings.CutPrefix(answer, `{"results":[{"uuid"`)
	if !isList {
		return answer
	}
	parts := strings.Split(strings.TrimSuffix(inner, `]}`), `,{"uuid"`)
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// The recorded requests about webhooks: status and text of every answer are those of Meilisearch.
func TestWebhooksAnswerAsMeilisearch(t *testing.T) {
	var log bytes.Buffer
	s := newCluster(t).gateway(t, &log)
	list := recordedWebhooks(t)
	var made []string
	for i, x := range list {
		token := ""
		if x.Auth != nil {
			token = *x.Auth
		}
		var body any
		if x.Body != nil {
			body = json.RawMessage(*x.Body)
		}
		path := placeholder.ReplaceAllStringFunc(x.Path, func(p string) string {
			n, _ := strconv.Atoi(p[1:])
			return made[n]
		})
		r := ask(t, s, token, x.Method, path, body)
		if x.Method == "POST" && r.Status == http.StatusCreated {
			made = append(made, decode[struct{ UUID string }](t, r).UUID)
		}
		got := version4.ReplaceAllStringFunc(string(r.Body), func(uuid string) string {
			switch n := slices.Index(made, uuid); {
			case n >= 0:
				return "$" + strconv.Itoa(n)
			case strings.HasPrefix(uuid, "1111"):
				return uuid
			}
			return "<uuid>"
		})
		if r.Status != x.Status || withoutOrder(got) != withoutOrder(x.Answer) {
			t.Errorf("%d: %s %s: %d\n%s\nwant %d\n%s", i, x.Method, x.Path, r.Status, got, x.Status, x.Answer)
		}
	}
	if len(list) < 150 || len(made) < 20 {
		t.Errorf("%d requests made %d webhooks", len(list), len(made))
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("LO-3: a header was logged:\n%s", log.String())
	}
}

// ET-6: neither where webhooks go nor their headers stand in the store, nor in what is kept for idempotency keys; a request
// that is repeated gets the answer of the first.
func TestET6WebhooksAreSealedInTheStore(t *testing.T) {
	s := newCluster(t).gateway(t, io.Discard)
	repeated := func(method, path, body string) *reply.Reply {
		t.Helper()
		key := http.Header{"Idempotency-Key": {method}}
		first := askWith(t, s, masterKey, key, method, path, json.RawMessage(body))
		second := askWith(t, s, masterKey, key, method, path, json.RawMessage(body))
		if first.Status != second.Status || !bytes.Equal(first.Body, second.Body) || second.Header.Get(reply.HeaderReplayed) != "true" {
			t.Errorf("%d %s, again %d %s %v", first.Status, first.Body, second.Status, second.Body, second.Header)
		}
		return first
	}
	made := repeated("POST", "/webhooks", `{"url":"https://host/needle?t=needle","headers":{"X-Key":"needle","Authorization":"needle"}}`)
	if made.Status != http.StatusCreated {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	path := "/webhooks/" + decode[struct{ UUID string }](t, made).UUID
	if r := repeated("PATCH", path, `{"headers":{"X-Other":"needle"}}`); r.Status != http.StatusOK || bytes.Count(r.Body, []byte("needle")) != 4 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	n := 0
	err := s.Store.Entries(t.Context(), "", func(e state.Entry) error {
		n++
		if bytes.Contains(e.Value, []byte("needle")) {
			t.Errorf("it stands in %s: %s", e.Key, e.Value)
		}
		return nil
	})
	if err != nil || n < 3 {
		t.Errorf("%d entries: %v", n, err)
	}
	if r := repeated("DELETE", path, ""); r.Status != http.StatusNoContent {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// A webhook that was made at one gateway is found, changed and deleted at another.
func TestWebhooksAreTheSameAtAllGateways(t *testing.T) {
	k := newCluster(t)
	here, there := k.gateway(t, io.Discard), k.gateway(t, io.Discard)
	made := ask(t, here, masterKey, "POST", "/webhooks", json.RawMessage(`{"url":"http://h"}`))
	path := "/webhooks/" + decode[struct{ UUID string }](t, made).UUID
	if r := ask(t, there, masterKey, "GET", path, nil); !bytes.Equal(r.Body, made.Body) {
		t.Errorf("%d %s, want %s", r.Status, r.Body, made.Body)
	}
	if r := ask(t, there, masterKey, "PATCH", path, json.RawMessage(`{"url":"http://i"}`)); r.Status != http.StatusOK {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := ask(t, here, masterKey, "DELETE", path, nil); r.Status != http.StatusNoContent {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
