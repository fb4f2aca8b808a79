package stamp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/internal/shardmap"
)

func frame(count int, id, doc string) []byte {
	return lineOf(shardmap.ShardOf([]byte(id), count), id, doc)
}

func lineOf(shard int, id, doc string) []byte {
	return nodeapi.AppendDocument(nil, nodeapi.Line{Shard: shard, ID: []byte(id), Document: []byte(doc)})
}

func all(n int) []int {
	shards := make([]int, n)
	for i := range shards {
		shards[i] = i
	}
	return shards
}

func stampAll(t *testing.T, in []byte, leg Leg) (string, error) {
	t.Helper()
	out, err := io.ReadAll(NewReader(bytes.NewReader(in), leg))
	return string(out), err
}

// RS-3, RS-4, SH-2: every document gets its shard, the rest of it stays as it came.
func TestRS4Stamp(t *testing.T) {
	leg := Leg{Shards: all(16), Count: 16, PrimaryKey: "id"}
	in := bytes.Join([][]byte{
		frame(16, "1", `{"id":1,"big":12345678901234567890,"t":"\u00e9"}`),
		frame(16, "product_1", `{"a":{"_miroir_shard":1},"id":"product_1" } `),
		frame(16, "42", `{}`), frame(16, "-7", `{ }`), frame(16, "1", `{"id":2,"id":1}`),
	}, nil)
	want := `{"id":1,"big":12345678901234567890,"t":"\u00e9","_miroir_shard":"⊕⊕⊙"}` + "\n" +
		`{"a":{"_miroir_shard":1},"id":"product_1" ,"_miroir_shard":"⊕⊕⊤"}` + "\n" +
		`{"_miroir_shard":"⊕⊕⊚"}` + "\n" + `{ "_miroir_shard":"⊕⊕⊚"}` + "\n" +
		`{"id":2,"id":1,"_miroir_shard":"⊕⊕⊙"}` + "\n"
	got, err := stampAll(t, in, leg)
	if err != nil || got != want {
		t.Fatalf("%v\n%s\n%s", err, got, want)
	}
	slow, err := io.ReadAll(NewReader(iotest.OneByteReader(bytes.NewReader(in)), leg))
	if err != nil || string(slow) != want {
		t.Fatalf("byte by byte: %v %s", err, slow)
	}
	for line := range strings.Lines(got) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%s is not JSON", line)
		}
	}
}

// RS-3, RS-4: under the stamp of a write every document gets the stamp and its place; past 2^24 places the next stamp.
func TestRS3UpdatedAt(t *testing.T) {
	leg := Leg{Shards: all(1), Count: 1, PrimaryKey: "id", Stamp: 0x1CAFEBABE0123F}
	place := func(position uint64, doc string) []byte {
		return nodeapi.AppendDocument(nil, nodeapi.Line{Position: position, ID: []byte("1"), Document: []byte(doc)})
	}
	got, err := stampAll(t, slices.Concat(place(0, `{"id":1}`), place(0xABCDEF, `{}`), place(1<<24, `{"id":1}`), []byte("0\t1\t{\"id\":1}\n")), leg)
	want := `{"id":1,"_miroir_shard":"⊕⊕⊕","_miroir_updated_at":"⊖⊡⊟⊤⊣⊠⊟⊠⊣⊕⊖⊗⊘⊤⊕⊕⊕⊕⊕⊕"}` + "\n" +
		`{"_miroir_shard":"⊕⊕⊕","_miroir_updated_at":"⊖⊡⊟⊤⊣⊠⊟⊠⊣⊕⊖⊗⊘⊤⊟⊠⊡⊢⊣⊤"}` + "\n" +
		`{"id":1,"_miroir_shard":"⊕⊕⊕","_miroir_updated_at":"⊖⊡⊟⊤⊣⊠⊟⊠⊣⊕⊖⊗⊙⊕⊕⊕⊕⊕⊕⊕"}` + "\n" +
		`{"id":1,"_miroir_shard":"⊕⊕⊕","_miroir_updated_at":"⊖⊡⊟⊤⊣⊠⊟⊠⊣⊕⊖⊗⊘⊤⊕⊕⊕⊕⊕⊕"}` + "\n"
	if err != nil || got != want {
		t.Fatalf("%v\n%s\n%s", err, got, want)
	}
}

// §3.1: what must not reach an engine ends the stream, and nothing that was read together with it is sent.
func TestRSRefusedLines(t *testing.T) {
	leg := Leg{Shards: []int{4, 5}, Count: 16, PrimaryKey: "id"}
	good := frame(16, "1", `{"id":1}`)
	for name, c := range map[string]struct {
		line []byte
		want error
	}{
		"reserved":       {frame(16, "1", `{"id":1,"_miroir_shard":"x"}`), ErrReserved},
		"reserved path":  {frame(16, "1", `{"id":1,"_miroir_shard.a":"x"}`), ErrReserved},
		"escaped":        {frame(16, "1", `{"id":1,"_miroir\u005fupdated_at":"x"}`), ErrReserved},
		"other shard":    {lineOf(5, "1", `{"id":1}`), ErrWrongShard},
		"not in the leg": {frame(16, "product_1", `{"id":"product_1"}`), ErrWrongShard},
		"beyond":         {lineOf(99, "1", `{"id":1}`), ErrWrongShard},
		"other id":       {frame(16, "1", `{"id":"2"}`), ErrWrongShard},
		"other id last":  {frame(16, "1", `{"id":1,"id":"2"}`), ErrWrongShard},
		"no frame":       {[]byte("{}\n"), ErrLine},
		"cut off":        {[]byte("4\t1\t{\"id\""), ErrLine},
		"no object":      {frame(16, "1", `[1]`), ErrLine},
		"open":           {frame(16, "1", `{"id":1`), ErrLine},
	} {
		got, err := stampAll(t, append(bytes.Clone(good), c.line...), leg)
		if !errors.Is(err, c.want) || got != "" {
			t.Errorf("%s: %v %q", name, err, got)
		}
	}
	if _, err := stampAll(t, nil, leg); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(NewReader(iotest.ErrReader(io.ErrClosedPipe), leg)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func TestLongLines(t *testing.T) {
	doc := `{"id":1,"t":"` + strings.Repeat("x", 3*buffer) + `"}`
	r := NewReader(bytes.NewReader(append(frame(1, "1", doc), frame(1, "2", `{"id":2}`)...)), Leg{Shards: []int{0}, Count: 1, PrimaryKey: "id"})
	got, err := io.ReadAll(r)
	want := doc[:len(doc)-1] + `,"_miroir_shard":"⊕⊕⊕"}` + "\n" + `{"id":2,"_miroir_shard":"⊕⊕⊕"}` + "\n"
	if err != nil || string(got) != want || r.Documents() != 2 || r.Err() != nil {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func BenchmarkStamp(b *testing.B) {
	var in []byte
	for i := range 1000 {
		id := fmt.Sprintf("movie-%d", i)
		in = append(in, frame(64, id, `{"id":"`+id+`","title":"Love and Death on Long Island","us_gross":2542264,"worldwide_gross":2542264,`+
			`"release_date":"Mar 06 1998","mpaa_rating":"PG-13","distributor":"Lionsgate","imdb_rating":6.9,"tags":["and","death","love"],`+
			`"overview":"An English writer who lives a secluded life becomes obsessed with a young actor and travels to meet him.",`+
			`"_geo":{"lat":-41.7,"lng":-61.9}}`)...)
	}
	leg := Leg{Shards: all(64), Count: 64, PrimaryKey: "id", Stamp: 1 << 50}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	src := bytes.NewReader(in)
	for b.Loop() {
		src.Reset(in)
		if n, err := io.Copy(io.Discard, NewReader(src, leg)); err != nil || n == 0 {
			b.Fatal(err)
		}
	}
}
