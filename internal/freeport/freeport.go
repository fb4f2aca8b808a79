package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

const (
	first = 15000
	last  = 32000
	tries = 1000
)

// Loopback is the address that all ports are looked for on.
const Loopback = "127.0.0.1"

// claims are kept for as long as the process lives.
var (
	mu     sync.Mutex
	claims = map[int]net.PacketConn{}
)

// Port is one that can be listened on now, and that unwanted does not say no to; nil wants all. It is claimed, see Claim.
func Port(unwanted func(int) bool) (int, error) {
	for range tries {
		port := first + rand.IntN(last-first) //nolint:gosec // nothing depends on its secrecy
		if (unwanted == nil || !unwanted(port)) && !claimed(port) && Claim(port) == nil {
			return port, nil
		}
	}
	return 0, errors.New("no free port found")
}

func claimed(port int) bool {
	mu.Lock()
	defer mu.Unlock()
	return claims[port] != nil
}

// Claim says whether a process can listen on a port now, and makes other processes that look for one leave it alone until this one ends:
// it holds the port's UDP side, which none of what is started here uses. Without that two clusters that start at the same moment choose one
// of the same ports every thirty times.
func Claim(port int) error {
	if err := check(At(port)); err != nil || claimed(port) {
		return err
	}
	claim, err := net.ListenPacket("udp", At(port))
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	claims[port] = claim
	return nil
}

// Address is host and port of a port that can be listened on now.
func Address() (string, error) {
	port, err := Port(nil)
	if err != nil {
		return "", err
	}
	return At(port), nil
}

// At is host and port of a port of loopback.
func At(port int) string { return net.JoinHostPort(Loopback, strconv.Itoa(port)) }

// check tells whether a process can listen at an address now.
func check(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}
