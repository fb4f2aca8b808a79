package webhooks

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// ErrRefused says that an address is not public, and in no network that is allowed.
var ErrRefused = errors.New("the address of the webhook is not public, and its network is not allowed")

// Networks are those that webhooks may be in although they are not public.
type Networks []netip.Prefix

// ParseNetworks reads a list as Meilisearch's --experimental-allowed-ip-networks is: networks or addresses with commas
// between them, or `any`.
func ParseNetworks(list string) (Networks, error) {
	var out Networks
	for s := range strings.SplitSeq(list, ",") {
		switch s = strings.TrimSpace(s); {
		case s == "":
			continue
		case s == "any":
			out = append(out, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
			continue
		case !strings.Contains(s, "/"):
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("%q is no address", s)
			}
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() {
			return nil, fmt.Errorf("%q is no network", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// Allow says whether a webhook may be at an address.
func (n Networks) Allow(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !within(local, a) || within(except, a) {
		return true
	}
	return within(n, a)
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// control is for a net.Dialer: it sees the address itself, however the name was resolved.
func (n Networks) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	if !n.Allow(a) {
		return ErrRefused
	}
	return nil
}

// local are the networks that are not public, except those of them that are (IANA's registries of special addresses, read as
// Meilisearch 1.50 does).
var (
	local = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
		"fc00::/7", "fe80::/10",
	)
	except = prefixes("192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/27")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}
