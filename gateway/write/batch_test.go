package write

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

func formatOf(t testing.TB, media string) Format {
	t.Helper()
	f, e := FormatOf(media, 0)
	if e != nil {
		t.Fatal(e)
	}
	return f
}

func linesOf(t testing.TB, b *Batch, shards ...int) []nodeapi.Line {
	t.Helper()
	body, size := b.Body(shards)
	raw, err := io.ReadAll(body)
	if err != nil || int64(len(raw)) != size {
		t.Fatalf("%d bytes of %d, %v", len(raw), size, err)
	}
	var list []nodeapi.Line
	for line := range bytes.Lines(raw) {
		l, err := nodeapi.SplitDocument(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// SH-2, WQ-8: every document goes to its shard as it stands, under its place in the payload and in that order.
func TestSH2LinesOfABatch(t *testing.T) {
	const payload = "[ {\"id\":1,\n\"t\":\"a\\nb\"\r\n} ,{\"n\":12345678901234567890, \"id\":\"product_1\"},{\"id\":1}]"
	b, err := Read(formatOf(t, "application/json"), strings.NewReader(payload), Options{Shards: 16, Memory: 1 << 20})
	if err != nil || b.Failure != nil {
		t.Fatal(err, b.Failure)
	}
	defer b.Close()
	one, product := shardmap.ShardOf([]byte("1"), 16), shardmap.ShardOf([]byte("product_1"), 16)
	if got := b.Touched(); b.Received != 3 || b.PrimaryKey != "id" || len(got) != 2 || got[0] != one || got[1] != product {
		t.Fatalf("%d documents of key %q in shards %v", b.Received, b.PrimaryKey, got)
	}
	want := []nodeapi.Line{
		{Shard: one, Position: 0, ID: []byte("1"), Document: []byte(`{"id":1, "t":"a\nb"  }`)},
		{Shard: product, Position: 1, ID: []byte("product_1"), Document: []byte(`{"n":12345678901234567890, "id":"product_1"}`)},
		{Shard: one, Position: 2, ID: []byte("1"), Document: []byte(`{"id":1}`)},
	}
	for _, c := range []struct {
		shards []int
		want   []nodeapi.Line
	}{
		{[]int{one, product}, want}, {[]int{one}, []nodeapi.Line{want[0], want[2]}}, {[]int{product}, want[1:2]}, {[]int{one + 1}, nil},
	} {
		if got := linesOf(t, b, c.shards...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("shards %v:\n got %+v\nwant %+v", c.shards, got, c.want)
		}
	}
}

// RT-4, RS-1: one bad document, and there is nothing to send, whatever stood before it. A reserved name refuses the request
// even where another document fails it, and a malformed payload goes before both.
func TestRT4NothingOfABadBatch(t *testing.T) {
	good := strings.Repeat(`{"id":1,"t":"x"}`+"\n", 5000)
	for name, c := range map[string]struct {
		payload, failure, refusal string
	}{
		"id":                 {good + `{"id":"a b"}`, "invalid_document_id", ""},
		"no id":              {good + `{"t":1}` + good, "missing_document_id", ""},
		"value":              {good + `{"id":2,"t":1e999}`, "internal", ""},
		"id behind value":    {good + `{"id":2,"t":1e999}` + `{"id":true}`, "invalid_document_id", ""},
		"reserved":           {good + `{"id":2,"_miroir_shard":1}`, "", "miroir_reserved_field"},
		"reserved, escaped":  {good + `{"_miroir\u005fupdated_at.x":1}`, "", "miroir_reserved_field"},
		"reserved behind id": {good + `{"id":null}{"_miroir_shard":1}`, "", "miroir_reserved_field"},
		"malformed":          {good + `{"id":null}{"_miroir_shard":1}{`, "", "malformed_payload"},
	} {
		dir := t.TempDir()
		b, err := Read(formatOf(t, "application/x-ndjson"), strings.NewReader(c.payload), Options{Index: "i", Shards: 4, Memory: 1000, Dir: dir})
		var refused *apierr.Error
		switch {
		case c.refusal != "":
			if !errors.As(err, &refused) || string(refused.Code) != c.refusal {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || b.Failure == nil || string(b.Failure.Code) != c.failure:
			t.Errorf("%s: %v, %+v", name, err, b)
		default:
			if body, size := b.Body([]int{0, 1, 2, 3}); size != 0 || len(b.Touched()) != 0 {
				rest, _ := io.ReadAll(body)
				t.Errorf("%s: %d bytes would be sent: %.50s", name, size, rest)
			}
			b.Close()
		}
	}
}

// A payload that cannot be read to its end, or a spool that takes no more, is an error of its own: no batch comes of it.
func TestUnreadablePayloads(t *testing.T) {
	gone := errors.New("gone")
	broken := io.MultiReader(strings.NewReader(`[{"id":1},`), iotest.ErrReader(gone))
	if _, err := Read(formatOf(t, "application/json"), broken, Options{Shards: 1}); !errors.Is(err, gone) || !errors.Is(err, ErrBody) {
		t.Error(err)
	}
	// What is malformed is so only if the payload has an end.
	broken = io.MultiReader(strings.NewReader(`[x`), iotest.ErrReader(gone))
	if _, err := Read(formatOf(t, "application/json"), broken, Options{Shards: 1}); !errors.Is(err, gone) {
		t.Error(err)
	}
	many := strings.NewReader(strings.Repeat(`{"id":1}`, 100_000))
	_, err := Read(formatOf(t, "application/x-ndjson"), many, Options{Shards: 1, Memory: 100, Dir: t.TempDir() + "/none"})
	if !errors.Is(err, ErrSpool) || !errors.Is(err, os.ErrNotExist) || many.Len() == 0 {
		t.Errorf("%v, %d bytes left", err, many.Len())
	}
}

// movies makes NDJSON, one document after the other, without holding it.
type movies struct {
	left int // documents
	n    int
	rest []byte
}

func (m *movies) Read(p []byte) (int, error) {
	for len(m.rest) < len(p) && m.left > 0 {
		m.rest = fmt.Appendf(m.rest, `{"id":"movie-%d","title":"Love and Death on Long Island","us_gross":2542264,"release_date":"Mar 06 1998",`+
			`"overview":"An English writer who lives a secluded life becomes obsessed with a young actor and travels to meet him.",`+
			`"tags":["and","death","love"],"imdb_rating":6.9,"_geo":{"lat":-41.7,"lng":-61.9}}`+"\n", m.n)
		m.n++
		m.left--
	}
	n := copy(p, m.rest)
	m.rest = m.rest[:copy(m.rest, m.rest[n:])]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// RE-4, architecture §6: what a payload costs in memory does not grow with it. Looked at is what is alive while it is read,
// after a collection; how much is allocated on the way is told by the benchmarks, for the race detector drops pooled buffers.
func TestMemoryIsBounded(t *testing.T) {
	const documents, memory = 200_000, 4 << 20
	payload := &weighed{Reader: &movies{left: documents}, before: live()}
	b, err := Read(formatOf(t, "application/x-ndjson"), payload, Options{Shards: 64, Memory: memory, Dir: t.TempDir()})
	if err != nil || b.Failure != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var sent int64
	for node := range 3 {
		var shards []int
		for s := node; s < 64; s += 3 {
			shards = append(shards, s)
		}
		body, size := b.Body(shards)
		n, err := io.Copy(io.Discard, body)
		if err != nil || n != size {
			t.Fatalf("%d of %d bytes, %v", n, size, err)
		}
		sent += n
	}
	if payload.looks < 6 || payload.most > 2*memory || sent < 60<<20 || b.Received != documents {
		t.Errorf("up to %d MiB alive in %d looks, for %d MiB and %d documents", payload.most>>20, payload.looks, sent>>20, b.Received)
	}
}

// weighed looks every 8 MiB how much memory is alive.
type weighed struct {
	io.Reader
	before, most uint64
	read, looks  int
}

func (w *weighed) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if w.read += n; w.read >= (w.looks+1)*8<<20 {
		w.looks++
		if now := live(); now > w.before {
			w.most = max(w.most, now-w.before)
		}
	}
	return n, err
}

// live is how many bytes of the heap are in use after a collection.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func benchmark(b *testing.B, media string, payload []byte) {
	f := formatOf(b, media)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	dir := b.TempDir()
	for b.Loop() {
		batch, err := Read(f, bytes.NewReader(payload), Options{Shards: 64, Memory: 8 << 20, Dir: dir})
		if err != nil || batch.Failure != nil {
			b.Fatal(err, batch.Failure)
		}
		for node := range 3 {
			var shards []int
			for s := node; s < 64; s += 3 {
				shards = append(shards, s)
			}
			body, _ := batch.Body(shards)
			if _, err := io.Copy(io.Discard, body); err != nil {
				b.Fatal(err)
			}
		}
		batch.Close()
	}
}

// From a payload to the bodies of three legs, in memory and through the spool.
func BenchmarkNDJSON(b *testing.B)        { benchmark(b, "application/x-ndjson", ndjson(b, 10_000)) }
func BenchmarkNDJSONSpooled(b *testing.B) { benchmark(b, "application/x-ndjson", ndjson(b, 100_000)) }

func BenchmarkJSON(b *testing.B) {
	list := bytes.ReplaceAll(bytes.TrimSpace(ndjson(b, 10_000)), []byte("\n"), []byte(","))
	benchmark(b, "application/json", append(append([]byte{'['}, list...), ']'))
}

func BenchmarkCSV(b *testing.B) {
	var in bytes.Buffer
	in.WriteString("id,title,us_gross:number,overview\n")
	for i := range 10_000 {
		fmt.Fprintf(&in, "movie-%d,Love and Death on Long Island,2542264,\"An English writer, who lives a secluded life, travels to meet him.\"\n", i)
	}
	benchmark(b, "text/csv", in.Bytes())
}

func ndjson(b *testing.B, n int) []byte {
	b.Helper()
	payload, err := io.ReadAll(&movies{left: n})
	if err != nil {
		b.Fatal(err)
	}
	return payload
}

// F4: a batch says whether it has ids with upper-case letters.
func TestF4MixedCase(t *testing.T) {
	for payload, want := range map[string]bool{
		`[{"id":"a-b_1"},{"id":7}]`: false, `[{"id":"a"},{"id":"aB"}]`: true, `[{"id":"\u0041"}]`: true, `[{"id":"a","Title":"A"}]`: false,
	} {
		b, err := Read(formatOf(t, "application/json"), strings.NewReader(payload), Options{Shards: 16, Memory: 1 << 20})
		if err != nil || b.Failure != nil || b.Mixed != want {
			t.Errorf("%s: %v, %+v", payload, err, b)
		}
		b.Close()
	}
}
