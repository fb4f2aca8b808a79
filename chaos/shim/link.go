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

	mu      sync.Mutex
	mode    Mode
	changed chan struct{}
	open    map[net.Conn]bool
	closed  bool
	running sync.WaitGroup
}

// Listen makes a link on a port of its own. target says where it leads to; it is asked for each connection.
func Listen(target func() (string, error)) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	l := &Link{listener: listener, target: target, mode: Open, changed: make(chan struct{}), open: map[net.Conn]bool{}}
	l.running.Go(l.accept)
	return l, nil
}

// Address is where the link is entered.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Set changes how the link treats what comes from now on. Cutting it breaks all connections, and so does opening one that
// lost something: what was lost stays lost.
func (l *Link) Set(mode Mode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mode == Cut || (mode == Open && (l.mode == Mute || l.mode == Deaf)) {
		for c := range l.open {
			_ = c.Close()
		}
	}
	l.mode = mode
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

func (l *Link) now() (Mode, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode, l.changed
}

func (l *Link) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		if mode, _ := l.now(); mode == Cut || !l.keep(in) {
			_ = in.Close()
			continue
		}
		l.running.Go(func() { l.serve(in) })
	}
}

// keep books a connection, so that it can be broken; false says that the link is closed.
func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.mode == Cut {
		return false
	}
	l.open[c] = true
	return true
}

func (l *Link) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
	_ = c.Close()
}

func (l *Link) serve(in net.Conn) {
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
	if !l.keep(out) {
		_ = out.Close()
		return
	}
	defer l.drop(out)
	done := make(chan struct{}, 2)
	l.running.Go(func() { l.copy(out, in, false); done <- struct{}{} })
	l.running.Go(func() { l.copy(in, out, true); done <- struct{}{} })
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
func (l *Link) copy(to, from net.Conn, answers bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.lost(answers) {
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
func (l *Link) lost(answers bool) bool {
	mode, changed := l.now()
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
