package dump

import (
	"encoding/json"
	"strings"
	"time"
)

// Version is the only version of the format that is read and written.
const Version = "V6"

// Limits bound what a reader keeps in memory. Zero values take the defaults.
type Limits struct {
	Document int // bytes of one document, default 16 MiB
	Small    int // bytes of one file that is kept whole, default 4 MiB
	Kept     int // bytes of all such files together, default 256 MiB
	Indexes  int // default 10 000
	Keys     int // default 10 000
}

func (l Limits) withDefaults() Limits {
	for _, one := range []struct {
		value   *int
		initial int
	}{{&l.Document, 16 << 20}, {&l.Small, 4 << 20}, {&l.Kept, 256 << 20}, {&l.Indexes, 10_000}, {&l.Keys, 10_000}} {
		if *one.value == 0 {
			*one.value = one.initial
		}
	}
	return l
}

// Metadata is metadata.json.
type Metadata struct {
	DumpVersion string    `json:"dumpVersion"`
	DBVersion   string    `json:"dbVersion"` // of the instance that wrote the dump
	DumpDate    time.Time `json:"dumpDate"`
}

// IndexMetadata is indexes/<uid>/metadata.json.
type IndexMetadata struct {
	UID        string    `json:"uid"`
	PrimaryKey *string   `json:"primaryKey"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
}

// Key is one line of keys.jsonl.
type Key struct {
	Description *string    `json:"description,omitempty"`
	Name        *string    `json:"name,omitempty"`
	UID         string     `json:"uid"`
	Actions     []string   `json:"actions"`
	Indexes     []string   `json:"indexes"`
	ExpiresAt   *time.Time `json:"expires_at"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// Index is what a dump says about an index, without its documents.
type Index struct {
	IndexMetadata
	Settings  json.RawMessage `json:"settings"`
	Documents int64           `json:"documents"` // number of them
	Bytes     int64           `json:"bytes"`     // of them, line feeds included
}

// part says what a file of the archive is.
type part int

const (
	partOther part = iota
	partMetadata
	partKeys
	partIndexMetadata
	partSettings
	partDocuments
	partTasks
	partUpdateFile
	partBatches
	partFeatures
	partNetwork
	partWebhooks
	partChat
	partInstance
)

// Names of the files.
const (
	nameMetadata  = "metadata.json"
	nameKeys      = "keys.jsonl"
	nameFeatures  = "experimental-features.json"
	nameWebhooks  = "webhooks.json"
	nameTasks     = "tasks/queue.jsonl"
	nameBatches   = "batches/queue.jsonl"
	nameSettings  = "settings.json"
	nameDocuments = "documents.jsonl"
	folderIndexes = "indexes/"
	folderUpdates = "tasks/update_files/"
	folderChat    = "chat-completions-settings/"
)

// partOf classifies a path; index is set for files of an index.
func partOf(path string) (p part, index string) {
	if rest, ok := strings.CutPrefix(path, folderIndexes); ok {
		folder, file, _ := strings.Cut(rest, "/")
		switch file {
		case nameMetadata:
			return partIndexMetadata, folder
		case nameSettings:
			return partSettings, folder
		case nameDocuments:
			return partDocuments, folder
		}
		return partOther, folder
	}
	switch path {
	case nameMetadata:
		return partMetadata, ""
	case nameKeys:
		return partKeys, ""
	case nameTasks:
		return partTasks, ""
	case nameBatches:
		return partBatches, ""
	case nameFeatures:
		return partFeatures, ""
	case "network.json":
		return partNetwork, ""
	case nameWebhooks:
		return partWebhooks, ""
	case "instance_uid.uuid":
		return partInstance, ""
	}
	switch {
	case strings.HasPrefix(path, folderUpdates):
		return partUpdateFile, ""
	case strings.HasPrefix(path, folderChat):
		return partChat, ""
	}
	return partOther, ""
}
