package extproc

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// Listener is the Unix socket that Envoy connects to.
type Listener struct {
	*net.UnixListener
	path string
	made os.FileInfo
}

// Listen opens the socket. One left behind by a killed process is replaced.
func Listen(path string) (*Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen: %w", err)
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	// Its name is taken away by hide, and only while it is this socket's.
	socket.SetUnlinkOnClose(false)
	l := &Listener{UnixListener: socket, path: path}
	if err = os.Chmod(path, 0o660); err == nil {
		l.made, err = os.Stat(path)
	}
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// hide takes the socket from its place: nobody finds it any more, and connections made before are still taken.
func (l *Listener) hide() {
	if now, err := os.Stat(l.path); err == nil && os.SameFile(l.made, now) {
		_ = os.Remove(l.path)
	}
}

// Close closes the socket and takes it from its place.
func (l *Listener) Close() error {
	l.hide()
	if err := l.UnixListener.Close(); err != nil {
		return fmt.Errorf("close socket: %w", err)
	}
	return nil
}
