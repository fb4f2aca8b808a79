package httpconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrBusy says that all connections to a host are in use and that enough wait for one. Nothing was sent.
var ErrBusy = errors.New("too many requests to one host")

// Options bound the connections to one host.
type Options struct {
	MaxConns    int           // in use at once; more wait
	MaxWaiting  int           // how many may wait; 0 for no bound
	MaxIdle     int           // kept
	IdleTimeout time.Duration // for which one is kept without use
	Trust       time.Duration // for which an idle one is taken to be open without looking
	DialTimeout time.Duration
	Note        string // name of one more header of answers to keep
}

// Pool keeps the connections to one host. It is safe for concurrent use.
type Pool struct {
	host    string
	options Options
	dialer  net.Dialer
	slots   chan struct{} // one for each connection in use
	waiting atomic.Int64  // for one of them

	mu     sync.Mutex
	idle   []*conn // the one used last stands last, and is used next
	closed bool
}

// NewPool returns a pool without connections.
func NewPool(host string, o Options) *Pool {
	return &Pool{
		host: host, options: o, dialer: net.Dialer{Timeout: o.DialTimeout, KeepAlive: 15 * time.Second}, slots: make(chan struct{}, o.MaxConns),
	}
}

// Close ends idle connections; those in use end after their exchange.
func (p *Pool) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.net.Close()
	}
}

// take returns a connection for one exchange, with ctx's deadline on it.
func (p *Pool) take(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	default:
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
	}
	deadline, _ := ctx.Deadline() // without one it is the zero time, which means none to a connection too
	for c := p.pop(); c != nil; c = p.pop() {
		waited := time.Since(c.since)
		if waited < p.options.IdleTimeout && c.net.SetDeadline(deadline) == nil && (waited < p.options.Trust || alive(c.net)) {
			return c, nil
		}
		_ = c.net.Close()
	}
	made, err := p.dialer.DialContext(ctx, "tcp", p.host)
	if err == nil {
		err = made.SetDeadline(deadline)
	}
	if err != nil {
		<-p.slots
		return nil, fmt.Errorf("connect: %w", err)
	}
	return newConn(made), nil
}

// wait waits for a connection that is not in use.
func (p *Pool) wait(ctx context.Context) error {
	defer p.waiting.Add(-1)
	if n := p.waiting.Add(1); p.options.MaxWaiting > 0 && n > int64(p.options.MaxWaiting) {
		return ErrBusy
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection: %w", context.Cause(ctx))
	}
}

func (p *Pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// give takes a connection back, and closes it unless it can be used again. The one that waited longest goes when it has
// waited too long; as connections come back all the time, none stays much longer than it may.
func (p *Pool) give(c *conn, again bool) {
	<-p.slots
	var old *conn
	p.mu.Lock()
	again = again && !p.closed && len(p.idle) < p.options.MaxIdle
	if again {
		c.since = time.Now()
		p.idle = append(p.idle, c)
	}
	if len(p.idle) > 0 && time.Since(p.idle[0].since) > p.options.IdleTimeout {
		old = p.idle[0]
		p.idle = append(p.idle[:0], p.idle[1:]...)
	}
	p.mu.Unlock()
	if !again {
		_ = c.net.Close()
	}
	if old != nil {
		_ = old.net.Close()
	}
}

// alive says whether an idle connection is still open and silent. Without this look a request would go out on a
// connection that the other side has closed, and fail.
func alive(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = errors.Is(err, syscall.EAGAIN) // nothing to read, and no end
		return true
	})
	return err == nil && open
}
