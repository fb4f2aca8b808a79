package client

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/miroir-search/miroir/internal/httpconn"
)

// peer is a sidecar and the connections to it.
type peer struct {
	host string
	pool *httpconn.Pool
	used atomic.Int64 // when it was asked last, in Unix seconds
}

// pools holds the peers by base URL. A node that is gone is forgotten when another one comes.
type pools struct {
	options httpconn.Options
	peers   sync.Map // base URL to *peer; nil pool for a URL that is not plain http

	mu sync.Mutex // held to add and to forget
}

// of is the peer at a base URL; nil for one that needs net/http.
func (p *pools) of(address string) *peer {
	found, ok := p.peers.Load(address)
	if !ok {
		found = p.add(address)
	}
	known, _ := found.(*peer)
	if known.pool == nil {
		return nil
	}
	if now := time.Now().Unix(); known.used.Load() != now {
		known.used.Store(now)
	}
	return known
}

func (p *pools) add(address string) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := time.Now().Add(-2 * p.options.IdleTimeout).Unix()
	p.peers.Range(func(key, value any) bool {
		if gone, ok := value.(*peer); ok && gone.used.Load() < old {
			p.peers.Delete(key)
			gone.close()
		}
		return true
	})
	made := &peer{}
	made.used.Store(time.Now().Unix())
	if host, ok := httpconn.Host(address); ok {
		made.host, made.pool = host, httpconn.NewPool(host, p.options)
	}
	found, _ := p.peers.LoadOrStore(address, made)
	return found
}

func (p *pools) close() {
	p.peers.Range(func(_, value any) bool {
		if known, ok := value.(*peer); ok {
			known.close()
		}
		return true
	})
}

func (p *peer) close() {
	if p.pool != nil {
		p.pool.Close()
	}
}
