package trial

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// A connection is found among the sockets of the process that made it, and of no other.
func TestSocketOf(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	out, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	in, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	inode := socketOf(in.RemoteAddr(), in.LocalAddr())
	other := socketOf(in.LocalAddr(), in.RemoteAddr())
	if inode == "" || inode == other {
		t.Fatalf("sockets %q and %q", inode, other)
	}
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && to == "socket:["+inode+"]" {
			return
		}
	}
	t.Errorf("socket %s is not among %v", inode, fds)
}
