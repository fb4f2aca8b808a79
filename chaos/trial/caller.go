package trial

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/miroir-search/miroir/e2e/provider"
)

// caller names the process at the other end of a connection on this machine; empty where that is not known.
func (c *Cluster) caller(remote, local net.Addr) string {
	inode := socketOf(remote, local)
	if inode == "" {
		return ""
	}
	for _, process := range slices.Concat(c.kinds()...) {
		pid, err := provider.PidIn(c.dir, process)
		if err != nil {
			continue
		}
		folder := fmt.Sprintf("/proc/%d/fd", pid)
		open, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, fd := range open {
			if to, err := os.Readlink(folder + "/" + fd.Name()); err == nil && to == "socket:["+inode+"]" {
				return process
			}
		}
	}
	return ""
}

// socketOf is the inode of the socket that is bound to local and connected to remote, as Linux lists it.
func socketOf(local, remote net.Addr) string {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	from, to := kernelAddress(local), kernelAddress(remote)
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[1] == from && fields[2] == to {
			return fields[9]
		}
	}
	return ""
}

// kernelAddress writes an address of IPv4 as /proc does on machines that put the least byte first.
func kernelAddress(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.IP.To4() == nil {
		return ""
	}
	ip := tcp.IP.To4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], tcp.Port)
}
