package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// SchemaVersion is how this program writes the state. A program reads what an older one wrote; a newer one says by
// MinReader which programs still understand it.
const SchemaVersion = 1

// ErrSchema says that a newer program keeps the state in a way that this one does not understand.
var ErrSchema = errors.New("the state was written by a newer program")

// KeySchema is where the schema record is.
const KeySchema = "meta/schema"

// SchemaRecord is meta/schema.
type SchemaRecord struct {
	V          int       `json:"v"`
	Version    int       `json:"version"`    // of the newest program that wrote
	MinReader  int       `json:"min_reader"` // schema version that a program must know to work with the state
	UpgradedAt time.Time `json:"upgraded_at"`
}

// readable says whether this program may work with the state of a schema record; an empty one is a cluster that is about to begin.
func readable(value []byte) error {
	if len(value) == 0 {
		return nil
	}
	var rec SchemaRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return fmt.Errorf("decode %s: %w", KeySchema, err)
	}
	if rec.MinReader > SchemaVersion {
		return fmt.Errorf("%w: it needs schema version %d, this one knows %d", ErrSchema, rec.MinReader, SchemaVersion)
	}
	return nil
}
