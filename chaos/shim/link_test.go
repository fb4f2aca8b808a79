package shim

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLink(t *testing.T) {
	asked := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		_, _ = io.WriteString(w, "answer")
	}))
	defer server.Close()
	link, err := Listen(func() (string, error) { return strings.TrimPrefix(server.URL, "http://"), nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	client := http.Client{}
	ask := func(patience time.Duration) error {
		client.Timeout = patience
		res, err := client.Get("http://" + link.Address())
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		_, err = io.ReadAll(res.Body)
		return err
	}
	good := func(when string) {
		t.Helper()
		if err := ask(time.Minute); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		<-asked
	}
	good("open")
	link.Set(Slow, "")
	good("slow")
	link.Set(Cut, "")
	if err := ask(time.Minute); err == nil {
		t.Fatal("a link that is cut lets something through")
	}
	link.Set(Open, "")
	good("open again")
	link.Set(Deaf, "")
	if err := ask(200 * time.Millisecond); err == nil {
		t.Fatal("a deaf link lets answers through")
	}
	<-asked // the request got there
	link.Set(Open, "")
	good("open after deaf")
	link.Set(Mute, "")
	if err := ask(200 * time.Millisecond); err == nil {
		t.Fatal("a mute link lets something through")
	}
	select {
	case <-asked:
		t.Fatal("a mute link lets requests through")
	default:
	}
	link.Set(Open, "")
	good("open after mute")
	conn, err := net.Dial("tcp", link.Address())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// What holds for one caller holds for no other, and what holds for all holds for it too.
func TestALinkBreaksForOneCaller(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answer") }))
	defer server.Close()
	now := make(chan string, 1)
	link, err := Listen(func() (string, error) { return strings.TrimPrefix(server.URL, "http://"), nil },
		func(net.Addr, net.Addr) string { return <-now })
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	clients := map[string]*http.Client{}
	ask := func(who string) bool {
		if clients[who] == nil {
			clients[who] = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		}
		now <- who
		res, err := clients[who].Get("http://" + link.Address())
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	}
	for _, step := range []struct {
		mode            Mode
		who             string
		gateway, others bool // who gets through
	}{{Cut, "gateway", false, true}, {Open, "", false, true}, {Cut, "", false, false}, {Open, "gateway", false, false}, {Open, "", true, true}} {
		link.Set(step.mode, step.who)
		if got := ask("gateway"); got != step.gateway {
			t.Errorf("%s for %q: the gateway gets through %v", step.mode, step.who, got)
		}
		if got := ask("coordinator"); got != step.others {
			t.Errorf("%s for %q: the coordinator gets through %v", step.mode, step.who, got)
		}
	}
}
