package task

import (
	"bytes"
	"encoding/json"
	"time"
)

// DumpDetails are the details of a dumpCreation task; DumpUID is null until the dump is written.
type DumpDetails struct {
	DumpUID *string `json:"dumpUid"`
}

// NewDump is the record of a task that asks for a dump. Its operation is empty: the dump is of everything.
func NewDump(uid uint32, at time.Time) Record {
	return Record{
		V: Version, UID: uid, Type: DumpCreation, Status: Enqueued, EnqueuedAt: at,
		Details: json.RawMessage(`{"dumpUid":null}`), Op: json.RawMessage(`{}`),
	}
}

// CompactionDetails are the details of an indexCompaction task that has ended, in units that people read.
type CompactionDetails struct {
	Before string `json:"preCompactionSize"`
	After  string `json:"postCompactionSize"`
}

// NewUpkeep is the record of a task that every node carries out by itself: a snapshot, or the compaction of an index.
func NewUpkeep(r Record) Record {
	r.Op = json.RawMessage(`{}`)
	if r.Type == IndexCompaction {
		r.Details = json.RawMessage(`{}`)
	}
	return r
}

// appendDetails writes the object again with its members in their old order and the given values.
func appendDetails(old json.RawMessage, values map[string]json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(old))
	if _, err := dec.Token(); err != nil {
		return old
	}
	out := []byte{'{'}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return old
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return old
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		quoted, _ := json.Marshal(name)
		out = append(append(append(out, quoted...), ':'), values[name]...)
	}
	return append(out, '}')
}

// zeroCounts sets what nodes count to nothing: a task that was stopped has changed nothing.
func zeroCounts(details json.RawMessage) json.RawMessage {
	var own map[string]json.RawMessage
	if json.Unmarshal(details, &own) != nil || own == nil {
		return details
	}
	changed := false
	_, edition := own["editedDocuments"]
	for _, name := range counted {
		if edition && name == "deletedDocuments" {
			continue // an engine does not count what a stopped function would have deleted
		}
		if _, has := own[name]; has {
			own[name], changed = json.RawMessage("0"), true
		}
	}
	if !changed {
		return details
	}
	return appendDetails(details, own)
}
