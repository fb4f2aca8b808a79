package webhooks

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Addresses are public or not as in Meilisearch 1.50, and what is not public can be allowed.
func TestOnlyPublicAddressesAreAllowed(t *testing.T) {
	for network, addresses := range map[string][]string{
		"public": {
			"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.0.9", "192.0.0.10", "192.0.1.1", "198.17.0.1",
			"198.20.0.1", "223.255.255.255", "224.0.0.1", "2606:4700::1", "64:ff9b::1", "2001:1::1", "2001:1::2", "2001:3::1", "2001:4:112::1", "2001:20::1",
			"2001:30::1", "2001:200::1", "3ffe::1", "ff02::1", "::ffff:1.1.1.1",
		},
		"local": {
			"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
			"192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "::", "::1",
			"::ffff:127.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:1::3", "2001:40::1", "2001:db8::1", "2002::1", "3fff::1", "5f00::1", "fc00::1",
			"fdff::1", "fe80::1", "fe80::1%eth0",
		},
	} {
		for _, a := range addresses {
			if got := (Networks{}).Allow(netip.MustParseAddr(a)); got != (network == "public") {
				t.Errorf("%s is allowed: %t, but it is %s", a, got, network)
			}
		}
	}
	some, err := ParseNetworks(" 127.0.0.0/8, 10.1.1.1,fd00::/8 ")
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]bool{"127.9.9.9": true, "::ffff:127.0.0.1": true, "10.1.1.1": true, "10.1.1.2": false, "fd12::1": true, "fc00::1": false, "::1": false} {
		if got := some.Allow(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is allowed: %t", a, got)
		}
	}
	all, err := ParseNetworks("any")
	if err != nil || !all.Allow(netip.MustParseAddr("::1")) || !all.Allow(netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("any allows %v: %v", all, err)
	}
	for _, wrong := range []string{"x", "10.0.0.1/8", "10.0.0.0/33", "10.0.0"} {
		if n, err := ParseNetworks(wrong); err == nil {
			t.Errorf("%q is %v", wrong, n)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for status, want := range map[int]outcome{
		200: delivered, 204: delivered, 301: moved, 303: moved, 307: moved, 101: failed, 400: refused, 401: failed, 403: failed, 404: failed, 408: failed,
		410: failed, 413: refused, 415: refused, 422: refused, 429: failed, 500: failed, 503: failed,
	} {
		if got := outcomeOf(status); got != want {
			t.Errorf("%d is %s, want %s", status, resultNames[got], resultNames[want])
		}
	}
}

func TestDecide(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(minutes ...int) (list []time.Time) {
		for _, m := range minutes {
			list = append(list, now.Add(-time.Duration(m)*time.Minute))
		}
		return list
	}
	for name, c := range map[string]struct {
		attempt attempt
		want    step
	}{
		"delivered":                     {attempt{delivered, ago(90, 1), 3, 1000}, step{on: 2, most: 1000}},
		"delivered after refusals":      {attempt{delivered, ago(1), 0, 1}, step{on: 1, most: 2}},
		"refused together":              {attempt{refused, ago(1, 1, 1, 1, 1), 0, 1000}, step{most: 2}},
		"redirected":                    {attempt{moved, ago(1, 1), 0, 1000}, step{on: 2, drop: true, most: 1000}},
		"refused alone":                 {attempt{refused, ago(1), 0, 1}, step{on: 1, drop: true, most: 1}},
		"failed once":                   {attempt{failed, ago(1, 1), 0, 1000}, step{most: 1000, pause: time.Second}},
		"failed thrice":                 {attempt{failed, ago(1, 1), 2, 7}, step{most: 7, pause: 4 * time.Second}},
		"failed often":                  {attempt{failed, ago(1, 1), 500, 1000}, step{most: 1000, pause: time.Minute}},
		"failed until some were old":    {attempt{failed, ago(62, 61, 1), 9, 1000}, step{on: 2, drop: true, most: 1000, pause: time.Minute}},
		"failed at once, for old tasks": {attempt{failed, ago(600), 0, 1000}, step{on: 1, drop: true, most: 1000, pause: time.Second}},
	} {
		if got := decide(c.attempt, now, time.Hour); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	// However many tasks one of which is not wanted: it alone is dropped, and few requests find it.
	var got []int
	requests, most, queue := 0, mostTasks, slices.Repeat(ago(1), 1000)
	for at := 0; at < len(queue); requests++ {
		page := queue[at:min(at+most, len(queue))]
		result := delivered
		if at <= 617 && at+len(page) > 617 {
			result = refused
		}
		s := decide(attempt{result, page, 0, most}, now, time.Hour)
		for i := range s.on {
			if s.drop {
				got = append(got, at+i)
			}
		}
		at, most = at+s.on, s.most
	}
	if !slices.Equal(got, []int{617}) || requests > 60 {
		t.Errorf("%v were dropped after %d requests", got, requests)
	}
}
