package write

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Cutting, checking and grouping a batch of 1,000 cities.
func BenchmarkRead(b *testing.B) {
	const n = 1000
	var array, lines, table strings.Builder
	table.WriteString("id:number,name,country\n")
	for i := range n {
		document := fmt.Sprintf(`{"id":%d,"name":"Springfield %d","country":"US","_geo":{"lat":%d.25,"lng":-12.5}}`, i+1, i, i%90)
		if array.Len() > 0 {
			array.WriteByte(',')
		}
		array.WriteString(document)
		lines.WriteString(document + "\n")
		fmt.Fprintf(&table, "%d,Springfield %d,US\n", i+1, i)
	}
	for _, c := range []struct{ name, media, payload string }{
		{"json", typeJSON, "[" + array.String() + "]"}, {"ndjson", typeNDJSON, lines.String()}, {"csv", typeCSV, table.String()},
	} {
		b.Run(c.name, func(b *testing.B) {
			format, e := FormatOf(c.media, 0)
			if e != nil {
				b.Fatal(e)
			}
			payload := []byte(c.payload)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				batch, err := Read(format, bytes.NewReader(payload), Options{Shards: 64, PrimaryKey: new("id"), Memory: 8 << 20})
				if err != nil || batch.Received != n || batch.Failure != nil {
					b.Fatal(err, batch)
				}
				batch.Close()
			}
		})
	}
}
