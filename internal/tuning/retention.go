package tuning

import "time"

// Strategies of reads in a session, and what becomes of one that waited in vain.
const (
	WaitBlock = "block"     // it waits until the writes of the session are applied
	WaitPin   = "route_pin" // it only goes where the writes went

	TimeoutServe = "serve" // it is answered as things are
	TimeoutError = "error" // 504 miroir_timeout
)

// SessionPinning says how reads in a session find what was written in it (F6). A request goes by what is set when it looks.
type SessionPinning struct {
	Enabled      bool   `json:"enabled"`
	TTLSeconds   int    `json:"ttl_seconds"`   // since the session's last request
	MaxSessions  int    `json:"max_sessions"`  // that are remembered in the whole cluster
	WaitStrategy string `json:"wait_strategy"` // block or route_pin
	MaxWaitMs    int    `json:"max_wait_ms"`   // of one read
	OnTimeout    string `json:"on_timeout"`    // serve or error
}

// DefaultSessionPinning has the defaults of the configuration page.
func DefaultSessionPinning() SessionPinning {
	return SessionPinning{
		Enabled: true, TTLSeconds: 900, MaxSessions: 100_000, WaitStrategy: WaitBlock, MaxWaitMs: 5000, OnTimeout: TimeoutServe,
	}
}

// TTL is how long a session is remembered after its last request.
func (s SessionPinning) TTL() time.Duration { return time.Duration(s.TTLSeconds) * time.Second }

// Waits says whether reads wait until the writes of their session are applied.
func (s SessionPinning) Waits() bool { return s.WaitStrategy == WaitBlock }

// MaxWait is how long one read waits.
func (s SessionPinning) MaxWait() time.Duration { return time.Duration(s.MaxWaitMs) * time.Millisecond }

// Idempotency says how long requests that repeat others are known (F10).
type Idempotency struct {
	Enabled          bool `json:"enabled"`
	TTLSeconds       int  `json:"ttl_seconds"`         // of a key
	MaxCachedKeys    int  `json:"max_cached_keys"`     // that are remembered in the whole cluster
	InProgressWaitMs int  `json:"in_progress_wait_ms"` // for the request that is repeated
}

// TTL is how long a key is remembered.
func (i Idempotency) TTL() time.Duration { return time.Duration(i.TTLSeconds) * time.Second }

// InProgressWait is how long a request waits for the one that it repeats.
func (i Idempotency) InProgressWait() time.Duration {
	return time.Duration(i.InProgressWaitMs) * time.Millisecond
}
