package write

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/meili"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/rawjson"
	"github.com/miroir-search/miroir/internal/shardmap"
)

// Batch is a checked payload: its documents framed as lines of legs, in the order in which they came. It must be closed.
type Batch struct {
	Received   int           // documents in the payload
	Shards     int           // of the index that it was read for
	PrimaryKey string        // the key their ids stand under; empty when the payload is empty and none was known
	Mixed      bool          // some id has an upper-case letter
	Failure    *apierr.Error // what fails the task; no lines are kept then

	key      meili.PrimaryKey
	keyed    bool // key is set
	index    string
	lines    spool
	sizes    map[int]int64 // bytes of the lines of each shard
	reserved string        // the first reserved name
	contents *meili.Contents
	update   bool
	faults   faults
	broken   *apierr.Error // what an engine would fail at once it has found all ids
}

// Options are what a payload is read by.
type Options struct {
	Index      string // the client's name of the index
	Shards     int
	PrimaryKey *string         // known or given; nil to infer it from the first document
	Contents   *meili.Contents // what contents an engine would refuse the payload for; nil to leave that to the nodes
	Update     bool            // documents keep the members that a later one of the same id does not have
	Memory     int64           // bytes of lines kept in memory before they go to a file
	Dir        string          // folder of that file
}

// Read cuts and checks a whole payload while it streams in. An *apierr.Error is one that the request is refused with at
// once; an error that fails the task stands in the batch. ErrBody and ErrSpool are errors of the payload's reader and of
// the spool.
func Read(f Format, payload io.Reader, o Options) (*Batch, error) {
	b := &Batch{Shards: o.Shards, index: o.Index, contents: o.Contents, update: o.Update, sizes: map[int]int64{}, lines: spool{limit: o.Memory, dir: o.Dir}}
	if o.PrimaryKey != nil {
		b.setKey(*o.PrimaryKey)
	}
	err := f.cut(payload, b.add)
	if err == nil && b.reserved != "" {
		err = meili.ReservedField(b.reserved)
	}
	if err == nil && b.Failure == nil {
		if b.Failure = b.broken; b.Failure == nil {
			b.Failure = b.faults.first()
		}
	}
	if err != nil || b.Failure != nil {
		b.drop()
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Batch) setKey(name string) {
	b.PrimaryKey, b.key, b.keyed = name, meili.NewPrimaryKey(name), true
}

// drop forgets the lines: nothing of the batch will be sent.
func (b *Batch) drop() {
	b.lines.close()
	b.lines, b.sizes = spool{}, nil
}

// Close gives back what the batch holds. No body may be read any more.
func (b *Batch) Close() { b.lines.close() }

// doomed says that nothing of the batch will be sent, whatever comes.
func (b *Batch) doomed() bool { return b.reserved != "" || b.Failure != nil }

// add takes the next document.
func (b *Batch) add(d document) error {
	b.Received++
	if name := reservedName(d.members); name != "" && b.reserved == "" {
		b.reserved = name
	}
	if b.doomed() {
		return nil
	}
	if !b.keyed {
		name, e := meili.InferPrimaryKey(d.raw)
		if e != nil {
			b.fail(e)
			return nil
		}
		b.setKey(name)
	}
	if d.odd && b.broken == nil {
		b.broken = b.unreadable(d)
	}
	if d.merged && b.repeats(d.members) {
		d = b.merge(d)
	}
	id, e := b.key.ID(d.raw, d.members)
	if e != nil {
		b.fail(e)
		return nil
	}
	if b.contents != nil {
		b.faults.add(id, b.contents.Check(b.index, id, d.members), b.update)
	}
	return b.keep(d.raw, id)
}

// repeats says whether a member under which an id may stand occurs twice. Other members may: the engine merges them.
func (b *Batch) repeats(members []rawjson.Member) bool {
	n := 0
	for i := range members {
		if b.key.Begins(members[i].Key) {
			n++
		}
	}
	return n > 1
}

// merge writes a document anew with every member once: at its first place, with its last value.
func (b *Batch) merge(d document) document {
	last := map[string][]byte{}
	for _, m := range d.members {
		name, _ := rawjson.Unquote(m.Key)
		last[name] = m.Value
	}
	out := []byte{'{'}
	for _, m := range d.members {
		name, _ := rawjson.Unquote(m.Key)
		value, first := last[name]
		if !first {
			continue
		}
		delete(last, name)
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, m.Key...), ':'), value...)
	}
	out = append(out, '}')
	return document{raw: out, members: rawjson.ScanObject(out, 0, nil).Members}
}

func (b *Batch) fail(e *apierr.Error) {
	b.Failure = e
	b.drop()
}

// maxHead is more than what stands in a line besides id and document.
const maxHead = 64

// keep spools a document.
func (b *Batch) keep(raw, id []byte) error {
	if b.broken != nil {
		return nil
	}
	b.Mixed = b.Mixed || bytes.ContainsAny(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	shard := shardmap.ShardOf(id, b.Shards)
	if err := b.lines.reserve(len(raw) + len(id) + maxHead); err != nil {
		return err
	}
	begin := len(b.lines.memory)
	b.lines.memory = nodeapi.AppendDocument(b.lines.memory, nodeapi.Line{
		Shard: shard, Position: uint64(b.Received - 1), ID: id, Document: raw, //nolint:gosec // counted from 1
	})
	line := b.lines.memory[begin:]
	oneLine(line[:len(line)-1])
	b.sizes[shard] += int64(len(line))
	return nil
}

var reservedPrefix = []byte(nodeapi.ReservedPrefix)

// reservedName is the first reserved name among a document's keys, RS-1.
func reservedName(members []rawjson.Member) string {
	for _, m := range members {
		if !bytes.HasPrefix(m.Key[1:], reservedPrefix) && bytes.IndexByte(m.Key, '\\') < 0 {
			continue
		}
		if name, ok := rawjson.Unquote(m.Key); ok && nodeapi.IsReserved(name) {
			return name
		}
	}
	return ""
}

// oneLine replaces line breaks, which in a JSON text can only stand between tokens, by spaces.
func oneLine(text []byte) {
	for _, c := range []byte{'\n', '\r'} {
		for rest := text; ; {
			i := bytes.IndexByte(rest, c)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
}

// unreadable is how the task of a document fails whose values an engine can not read, though it took the document at
// first. Places count from the value.
func (b *Batch) unreadable(d document) *apierr.Error {
	for _, m := range d.members {
		if e := meili.CheckJSON(m.Value); e != nil {
			return apierr.New(apierr.Internal, "Index `%s`: internal: %s.", b.index, e.Error())
		}
	}
	return nil
}

// Touched lists the shards that the batch has documents of, ascending.
func (b *Batch) Touched() []int { return slices.Sorted(maps.Keys(b.sizes)) }

// Body is the leg body for a node that holds the given shards, with its length in bytes.
func (b *Batch) Body(shards []int) (io.Reader, int64) {
	var size int64
	for _, s := range shards {
		size += b.sizes[s]
	}
	return newLines(io.NewSectionReader(&b.lines, 0, b.lines.size()), shards, b.Shards), size
}
