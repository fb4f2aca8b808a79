package leg

import (
	"strconv"

	"github.com/miroir-search/miroir/internal/rawjson"
)

// body writes a JSON object member by member.
type body struct{ out []byte }

func newBody() *body { return &body{append(make([]byte, 0, 512), '{')} }

// put writes a member with a raw value.
func (b *body) put(name string, value []byte) {
	if len(b.out) > 1 {
		b.out = append(b.out, ',')
	}
	b.out = append(rawjson.AppendQuoted(b.out, name), ':')
	b.out = append(b.out, value...)
}

func (b *body) number(name string, n int) { b.put(name, strconv.AppendInt(nil, int64(n), 10)) }

// strings writes a list; nil is left out.
func (b *body) strings(name string, list []string) {
	if list == nil {
		return
	}
	raw := []byte{'['}
	for i, s := range list {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = rawjson.AppendQuoted(raw, s)
	}
	b.put(name, append(raw, ']'))
}

func (b *body) end() []byte { return append(b.out, '}') }
