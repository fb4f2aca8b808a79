package nodeapi

import (
	"encoding/json"
	"time"
)

// MaxLost is the size of the largest document that a log of repairs keeps.
const MaxLost = 64 << 10

// MendedQuery asks for the log of what a node was made to take over, or to delete, by Mend: the newest entries first.
type MendedQuery struct {
	Index string    `json:"index,omitempty"` // physical; empty for all
	Since time.Time `json:"since"`
	Limit int       `json:"limit"`
}

// Mended is one document that a node took over, or deleted, or was about to when it was killed.
type Mended struct {
	At      time.Time `json:"at"`
	Index   string    `json:"index"`
	Shard   int       `json:"shard"`
	ID      string    `json:"document"`
	Rule    string    `json:"rule"`
	Source  string    `json:"source,omitempty"` // node that it was taken from; empty for a deletion
	Version Place     `json:"version"`          // that the document has now, or of its deletion
	Lost    *Lost     `json:"lost,omitempty"`   // what was there before, where there was something
}

// Lost is what a node had of a document.
type Lost struct {
	Version  Place           `json:"version"`
	Size     int             `json:"size"`               // of the document, in bytes
	Document json.RawMessage `json:"document,omitempty"` // where it may have been right, and is not larger than MaxLost
}

// MendedList answers a MendedQuery.
type MendedList struct {
	Results []Mended `json:"results"`
}
