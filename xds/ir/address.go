package ir

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

// Endpoint is an address cut into what Envoy needs to reach it.
type Endpoint struct {
	Host string
	Port uint16
	// Literal tells that Host is an IP address and needs no name resolution.
	Literal bool
}

// ParseEndpoint reads host:port.
func ParseEndpoint(address string) (Endpoint, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return Endpoint{}, fmt.Errorf("address %q is not host:port", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Endpoint{}, fmt.Errorf("address %q has no valid port", address)
	}
	if host == "" {
		return Endpoint{}, fmt.Errorf("address %q has no host", address)
	}
	ip, err := netip.ParseAddr(host)
	if err == nil {
		return Endpoint{Host: ip.Unmap().String(), Port: uint16(n), Literal: true}, nil
	}
	return Endpoint{Host: host, Port: uint16(n)}, nil
}

// AddressOf turns a URL that a sidecar or coordinator advertises into host:port. The plain HTTP port is added when the
// URL names none; anything else than http is refused, for Envoy would speak plain text to it.
func AddressOf(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("advertised url does not parse")
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return "", fmt.Errorf("advertised url %q is not http://host:port", u.Redacted())
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
