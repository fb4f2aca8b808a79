package failover

import (
	"errors"
	"net"
	"syscall"
)

// refused tells whether a request reached nobody, so that it may be sent elsewhere whatever it is.
func refused(err error) bool {
	var dial *net.OpError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &dial) && dial.Op == "dial"
}
