package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Mode is how a link treats what comes.
type Mode string

// Modes of links.
const (
	Open Mode = "open"
	Cut  Mode = "cut"  // connections break, and new ones are refused at once
	Mute Mode = "mute" // nothing gets through either way, and nobody is told
	Deaf Mode = "deaf" // requests get through, answers are lost
	Slow Mode = "slow" // everything is late
)

// delay is what a slow link adds, each way.
const delay = 250 * time.Millisecond

// Link is one way from processes to another process. Close ends it.
type Link struct {
	listener net.Listener
	target   func() (string, error)
	caller   Caller

	mu      sync.Mutex
	modes   map[string]Mode // by caller; that of "" holds for all unless it is Open
	changed chan struct{}
	open    map[net.Conn]string // callers
	closed  bool
	running sync.WaitGroup
}

// Caller names who is at the other end of a connection.
type Caller func(remote, local net.Addr) string

// Listen makes a link on a port of its own. target says where it leads to; it is asked for each connection. So is caller, which
// may be nil where all are treated alike.
func Listen(target func() (string, error), caller Caller) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	l := &Link{listener: listener, target: target, caller: caller, modes: map[string]Mode{}, changed: make(chan struct{}), open: map[net.Conn]string{}}
	l.running.Go(l.accept)
	return l, nil
}

// Address is where the link is entered.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Set changes how the link treats what comes from now on, from one caller or, when it is empty, from all. Cutting it breaks the
// connections, and so does opening one that lost something: what was lost stays lost.
func (l *Link) Set(mode Mode, caller string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.modes[caller]
	if mode == Cut || (mode == Open && (was == Mute || was == Deaf)) {
		for c, by := range l.open {
			if caller == "" || caller == by {
				_ = c.Close()
			}
		}
	}
	l.modes[caller] = mode
	close(l.changed)
	l.changed = make(chan struct{})
}

// Close ends the link and all connections.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	for c := range l.open {
		_ = c.Close()
	}
	l.mu.Unlock()
	_ = l.listener.Close()
	l.running.Wait()
}

func (l *Link) now(caller string) (Mode, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode(caller), l.changed
}

// mode is for holders of the lock.
func (l *Link) mode(caller string) Mode {
	for _, who := range []string{"", caller} {
		if mode, ok := l.modes[who]; ok && mode != Open {
			return mode
		}
	}
	return Open
}

func (l *Link) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		caller := ""
		if l.caller != nil {
			caller = l.caller(in.RemoteAddr(), in.LocalAddr())
		}
		if !l.keep(in, caller) {
			_ = in.Close()
			continue
		}
		l.running.Go(func() { l.serve(in, caller) })
	}
}

// keep books a connection, so that it can be broken; false says that the link is closed or cut.
func (l *Link) keep(c net.Conn, caller string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.mode(caller) == Cut {
		return false
	}
	l.open[c] = caller
	return true
}

func (l *Link) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	_ = c.Close()
}

func (l *Link) serve(in net.Conn, caller string) {
	defer l.drop(in)
	address, err := l.target()
	if err != nil {
		return
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	out, err := dialer.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return
	}
	if !l.keep(out, caller) {
		_ = out.Close()
		return
	}
	defer l.drop(out)
	done := make(chan struct{}, 2)
	l.running.Go(func() { l.copy(out, in, caller, false); done <- struct{}{} })
	l.running.Go(func() { l.copy(in, out, caller, true); done <- struct{}{} })
	<-done
	// Either side ended. What the other one still has to say goes through when a half was closed in order.
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// copy passes on what one side says, as the mode of the moment wants it.
func (l *Link) copy(to, from net.Conn, caller string, answers bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.lost(caller, answers) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if half, ok := to.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = half.CloseWrite()
			}
			return
		}
	}
}

// lost says whether bytes get lost, after the time that they take.
func (l *Link) lost(caller string, answers bool) bool {
	mode, changed := l.now(caller)
	switch mode {
	case Mute:
		return true
	case Deaf:
		return answers
	case Slow:
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-changed:
		}
	}
	return false
}
