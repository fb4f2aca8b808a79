package freeport

import (
	"net"
	"testing"
)

func TestPortIsFreeAndBelowThoseOfOutgoingConnections(t *testing.T) {
	address, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	if other, err := net.ListenPacket("udp", address); err == nil {
		_ = other.Close()
		t.Error("it is not claimed")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := check(address); err == nil {
		t.Errorf("%s is in use, and counts as free", address)
	}
	unwanted := func(port int) bool { return port%2 == 1 }
	for range 20 {
		port, err := Port(unwanted)
		if err != nil || port < first || port >= last || unwanted(port) {
			t.Errorf("port %d, %v", port, err)
		}
	}
	if port, err := Port(func(int) bool { return true }); err == nil {
		t.Errorf("port %d was found where none is wanted", port)
	}
}
