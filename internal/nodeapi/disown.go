package nodeapi

import "github.com/miroir-search/miroir/internal/hlc"

// DisownQuery asks which of some writes a node does not have, and makes sure that it never takes those, even if they are still on their way.
// Whoever asks knows that nobody sends them any more.
type DisownQuery struct {
	Index  string    `json:"index"` // physical
	Writes []Written `json:"writes"`
}

// Written names a write of documents.
type Written struct {
	Dispatch string    `json:"dispatch"`
	Stamp    hlc.Stamp `json:"stamp"` // the first one of its operations
}

// Disowned names the writes of a DisownQuery, by their dispatch ids, that the node does not have and never will. One that it may have had,
// and that has left its journal since, is not among them.
type Disowned struct {
	Writes []string `json:"writes"`
}
