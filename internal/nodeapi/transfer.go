package nodeapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/miroir-search/miroir/internal/hlc"
)

// Routes by which a sidecar gets documents from another one, and a coordinator makes it do so. All take JSON by POST.
const (
	PathChanges   = "/_node/changes"   // ChangesQuery → Changes
	PathCopies    = "/_node/copies"    // CopiesQuery → lines of AppendCopy, in the order asked for, then ListEnd
	PathInventory = "/_node/inventory" // InventoryQuery → lines of AppendLeaf, in any order, then ListEnd
	PathDigest    = "/_node/digest"    // InventoryQuery → ShardDigest
	PathLeaves    = "/_node/leaves"    // LeavesQuery → lines of AppendLeaf, in the order asked for, then ListEnd
	PathStrays    = "/_node/strays"    // StraysQuery → Strays
	PathRepair    = "/_node/repair"    // RepairStep → RepairResult
	PathMend      = "/_node/mend"      // Mend → RepairResult
	PathMended    = "/_node/mended"    // MendedQuery → MendedList
	PathDisown    = "/_node/disown"    // DisownQuery → Disowned
)

// ListsType is the content type of lines.
const ListsType = "application/vnd.miroir.lines"

// ListEnd ends a list of lines; one without it was cut off.
const ListEnd = "."

// CodeDirtySource says that the node has no complete copy of the shards to give (409).
const CodeDirtySource = "dirty_source"

// ErrList says that a list of lines is malformed or was cut off.
var ErrList = errors.New("malformed list of documents")

// Document names one document of an index.
type Document struct {
	Shard int    `json:"s"`
	ID    string `json:"id"`
}

// ChangesQuery asks which documents of some shards changed on a node from a place of its journal on. A place later than a
// write's stamp is enough to find that write.
type ChangesQuery struct {
	Index  string    `json:"index"`
	Shards string    `json:"shards"` // as shardmap.FormatRanges writes them
	From   hlc.Stamp `json:"from"`
	Limit  int       `json:"limit"` // about how many documents
}

// Changes answers a ChangesQuery.
type Changes struct {
	Behind    bool       `json:"behind,omitempty"` // the journal does not reach back so far: nothing is listed
	Wide      bool       `json:"wide,omitempty"`   // an operation that names no document is among the changes
	Documents []Document `json:"documents,omitempty"`
	Through   hlc.Stamp  `json:"through"` // all changes up to here are listed, in this answer or one before
	More      bool       `json:"more,omitempty"`
}

// CopiesQuery asks for documents. The answer ends early, before ListEnd, rather than grow too large.
type CopiesQuery struct {
	Index     string     `json:"index"`
	Documents []Document `json:"documents"`
}

// Place is a version: the stamp of a write, and the position in it. The zero place is no version.
type Place [2]uint64

// Compare orders versions.
func (p Place) Compare(o Place) int { return cmp.Or(cmp.Compare(p[0], o[0]), cmp.Compare(p[1], o[1])) }

// Copy is what a node has of one document. Its body follows the header on the line; there is none when the node has no
// such document.
type Copy struct {
	Document
	Version   Place   `json:"v"`             // of the stored document, or of the deletion; zero when nobody knows
	Floor     Place   `json:"f"`             // all operations up to here have had their effect
	Includes  []Place `json:"in,omitempty"`  // later ones that have it too
	Deleted   bool    `json:"del,omitempty"` // there is none because of a deletion at Version
	Unsettled bool    `json:"un,omitempty"`  // its operations are being put in order: ask again
	Body      []byte  `json:"-"`
}

// AppendCopy writes a line.
func AppendCopy(dst []byte, c Copy) ([]byte, error) {
	head, err := json.Marshal(c)
	if err != nil {
		return dst, fmt.Errorf("encode copy: %w", err)
	}
	dst = append(append(dst, head...), '\t')
	return append(append(dst, c.Body...), '\n'), nil
}

// EachLine visits the lines of a list without their ends. partial lists may stop before ListEnd, others must not.
func EachLine(list []byte, partial bool, visit func(line []byte) error) error {
	for len(list) > 0 {
		line, rest, whole := bytes.Cut(list, []byte{'\n'})
		if !whole {
			return ErrList
		}
		if string(line) == ListEnd {
			if len(rest) > 0 {
				return ErrList
			}
			return nil
		}
		if err := visit(line); err != nil {
			return err
		}
		list = rest
	}
	if !partial {
		return ErrList
	}
	return nil
}

// ParseCopy undoes AppendCopy; the body aliases the line.
func ParseCopy(line []byte) (Copy, error) {
	var c Copy
	head, body, ok := bytes.Cut(line, []byte{'\t'})
	if !ok || json.Unmarshal(head, &c) != nil || c.Shard < 0 || c.ID == "" {
		return c, ErrList
	}
	if len(body) > 0 {
		c.Body = body
	}
	return c, nil
}

// Modes of a repair.
const (
	RepairChanges = "changes" // what changed since a stamp, by the journals of both nodes
	RepairWhole   = "whole"   // all documents, by comparing digests, then inventories of what differs
)

// RepairStep makes a node take over documents of some shards from another one that has complete copies. Steps of a repair
// follow each other by their cursor; any of them may be repeated.
type RepairStep struct {
	Index   string          `json:"index"`
	Shards  string          `json:"shards"`
	Source  string          `json:"source"`  // node
	Address string          `json:"address"` // its sidecar
	Mode    string          `json:"mode"`
	From    hlc.Stamp       `json:"from,omitempty"`
	Limit   int             `json:"limit"`            // about how many documents in this step; mode whole does some buckets of a shard
	Rate    int             `json:"rate,omitempty"`   // documents a second; 0 for no bound
	Cursor  json.RawMessage `json:"cursor,omitempty"` // of the step before; none for the first one
	// Refused are writes, by their dispatch ids, that the source surely never took and never will: what this node has of them goes.
	Refused []string `json:"refused,omitempty"`
}

// RepairResult is what a step did.
type RepairResult struct {
	Cursor   json.RawMessage `json:"cursor,omitempty"`
	Done     bool            `json:"done"`
	Whole    bool            `json:"whole,omitempty"` // changes are not enough: begin again in mode whole
	Examined int             `json:"examined"`
	Written  int             `json:"written"`
	Deleted  int             `json:"deleted"`
	Deferred int             `json:"deferred"` // left for the next step: they are being written
	// Ahead are the writes, by their dispatch ids, that this node has and the source has not, and for which some documents were
	// left; the first MaxAhead of them.
	Ahead []string `json:"ahead,omitempty"`
}

// MaxAhead bounds the writes that one answer names.
const MaxAhead = 100

// Mend makes a node take over single documents from another one, and delete others, whichever are newer than what it has.
// Its copies are complete ones that differ nevertheless.
type Mend struct {
	Index   string     `json:"index"`
	Source  string     `json:"source,omitempty"`  // node
	Address string     `json:"address,omitempty"` // its sidecar
	Write   []Document `json:"write,omitempty"`   // to take over from the source
	Delete  []Deletion `json:"delete,omitempty"`
	Strays  []Stray    `json:"strays,omitempty"` // to delete, of shards that the node does not hold
	Rate    int        `json:"rate,omitempty"`   // documents a second; 0 for no bound
	Rule    string     `json:"rule"`             // why
	Keep    bool       `json:"keep,omitempty"`   // what loses stays in the log, for it may have been right
}

// Deletion is a document that goes where it is not newer than a version.
type Deletion struct {
	Document
	Version Place `json:"v"`
}
