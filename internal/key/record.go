package key

import (
	"encoding/json"
	"fmt"
	"time"
)

// Version is the schema version of Record.
const Version = 1

// MaxKeys bounds the keys of a cluster (ET-1).
const MaxKeys = 10_000

// Record is keys/<uid>. It holds no value.
type Record struct {
	V           int        `json:"v"`
	UID         string     `json:"-"` // hyphenated, lower case; it stands in the record's key
	Name        *string    `json:"name"`
	Description *string    `json:"description"`
	Actions     []string   `json:"actions"`
	Indexes     []string   `json:"indexes"` // patterns
	ExpiresAt   *time.Time `json:"expires_at"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// Decode reads the record of a uid. A record of an unknown version is an error.
func Decode(uid string, data []byte) (Record, error) {
	r := Record{UID: uid}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("decode key: %w", err)
	}
	if r.V != Version {
		return r, fmt.Errorf("decode key: version %d is unknown", r.V)
	}
	return r, nil
}

// Expired says whether the key has stopped working at the given time.
func (r *Record) Expired(now time.Time) bool { return r.ExpiresAt != nil && !now.Before(*r.ExpiresAt) }
