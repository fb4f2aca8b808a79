package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/miroir-search/miroir/internal/hlc"
	"github.com/miroir-search/miroir/internal/nodeapi"
	"github.com/miroir-search/miroir/sidecar/guard"
)

func v(n uint64) guard.Version { return versionAt(nodeapi.Place{n, 0}) }

func op(n uint64, k guard.Kind) guard.Op { return guard.Op{Version: v(n), Kind: k} }

// The source is right about everything that is not on its way (WQ-6, WQ-10).
func TestDecide(t *testing.T) {
	doc, other := []byte(`{"id":"a","x":1}`), []byte(`{"x":2,"id":"a"}`)
	at := func(n uint64, body []byte) nodeapi.Copy {
		return nodeapi.Copy{Version: nodeapi.Place{n, 0}, Body: body}
	}
	deleted := nodeapi.Copy{Version: nodeapi.Place{9, 0}, Deleted: true}
	for name, c := range map[string]struct {
		here  local
		there nodeapi.Copy
		want  action
		place guard.Version
	}{
		"the same":                             {local{exists: true, version: v(9), body: []byte(`{"x":1,"id":"a"}`)}, at(9, doc), leave, v(9)},
		"missed":                               {local{}, at(9, doc), write, v(9)},
		"older here":                           {local{exists: true, version: v(5), body: other}, at(9, doc), write, v(9)},
		"never accepted":                       {local{exists: true, version: v(12), body: other}, at(9, doc), write, v(9)},
		"same version, other content":          {local{exists: true, version: v(9), body: other}, at(9, doc), write, v(9)},
		"an update is newer here":              {local{exists: true, version: v(12), body: other, history: []guard.Op{op(12, guard.Update)}}, at(9, doc), write, v(9)},
		"a replacement is newer here":          {local{exists: true, version: v(12), body: other, history: []guard.Op{op(12, guard.Replace)}}, at(9, doc), leave, v(9)},
		"the copy lacks an operation":          {local{exists: true, version: v(7), body: other, history: []guard.Op{op(7, guard.Update)}}, at(9, doc), later, v(9)},
		"unsettled":                            {local{}, nodeapi.Copy{Unsettled: true}, later, v(0)},
		"deleted there":                        {local{exists: true, version: v(5)}, deleted, remove, v(9)},
		"deleted there, unaccepted here":       {local{exists: true, version: v(12)}, deleted, remove, v(12)},
		"deleted there, updated here now":      {local{exists: true, version: v(12), history: []guard.Op{op(12, guard.Update)}}, deleted, remove, v(9)},
		"deleted there, replaced here now":     {local{exists: true, version: v(12), history: []guard.Op{op(12, guard.Replace)}}, deleted, leave, v(9)},
		"nowhere":                              {local{}, nodeapi.Copy{}, leave, v(0)},
		"not there, nobody knows why":          {local{exists: true, version: v(5)}, nodeapi.Copy{}, remove, v(5)},
		"not there, written here a moment ago": {local{exists: true, version: v(5), history: []guard.Op{op(5, guard.Replace)}}, nodeapi.Copy{}, later, v(0)},
	} {
		if got, o := decide(c.here, c.there); got != c.want || o.Version != c.place {
			t.Errorf("%s: %d at %v", name, got, o.Version)
		}
	}
}

// The walk over an engine's answer finds the same documents as a JSON decoder, however the bytes come.
func TestEachResult(t *testing.T) {
	answer := `{"results":[{"id":1,"t":"a\"}]\\","n":{"l":[1,{"x":"]"}]}},{},{"u":"\u007d"}],"offset":0,"limit":20,"total":3}`
	for _, r := range []interface{ Read([]byte) (int, error) }{strings.NewReader(answer), iotest.OneByteReader(strings.NewReader(answer))} {
		var got []string
		if err := eachResult(r, func(d []byte) error { got = append(got, string(d)); return nil }); err != nil {
			t.Fatal(err)
		}
		if want := []string{`{"id":1,"t":"a\"}]\\","n":{"l":[1,{"x":"]"}]}}`, `{}`, `{"u":"\u007d"}`}; !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
	}
	for _, bad := range []string{"", "[]", `{"hits":[]}`, `{"results":[{"id":1}`, `{"results":[{"id":1},`, `{"results":[1]}`} {
		if err := eachResult(strings.NewReader(bad), func([]byte) error { return nil }); err == nil {
			t.Errorf("%q is a list of documents", bad)
		}
	}
	stop := errors.New("stop")
	if err := eachResult(strings.NewReader(answer), func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func FuzzEachResult(f *testing.F) {
	f.Add(`{"a":"b\\\"","c":[{"d":[]}]}`, `{}`)
	f.Fuzz(func(t *testing.T, one, two string) {
		for _, d := range []string{one, two} {
			if !json.Valid([]byte(d)) || !strings.HasPrefix(d, "{") || strings.TrimSpace(d) != d {
				return
			}
		}
		var got []string
		err := eachResult(strings.NewReader(`{"results":[`+one+","+two+`],"total":2}`), func(d []byte) error { got = append(got, string(d)); return nil })
		if err != nil || !slices.Equal(got, []string{one, two}) {
			t.Fatalf("%q %v", got, err)
		}
	})
}

// What an engine adds for the one who asks for vectors does not stay in a copy; stamps are read as they are stored.
func TestRead(t *testing.T) {
	stamp := string(nodeapi.AppendStamp(nil, 77, 5))
	s := shelf{key: "id"}
	id, d, err := s.read([]byte(`{"id":7,"a":{"_vectors":{}},"_vectors":{},"_miroir_updated_at":"` + stamp + `"}`))
	if err != nil || id != "7" || d.version != guard.VersionOf(77, 5) || !bytes.Equal(d.body, []byte(`{"id":7,"a":{"_vectors":{}},"_miroir_updated_at":"`+stamp+`"}`)) {
		t.Fatalf("%s %v %s %v", id, d.version, d.body, err)
	}
	if _, d, err = s.read([]byte(`{"_vectors":{"e":{"embeddings":[[1]],"regenerate":false}},"id":"x"}`)); err != nil || !bytes.Contains(d.body, []byte("embeddings")) || d.version != (guard.Version{}) {
		t.Fatalf("%s %v", d.body, err)
	}
	if _, _, err = s.read([]byte(`{"a":1}`)); err == nil {
		t.Error("a document without its id is read")
	}
}

// Ids that are packed come back in their order, in lists of the size asked for.
func TestPacked(t *testing.T) {
	for _, n := range []int{0, 1, 4, 5, 9, 10} {
		var p packed
		var want, got []string
		for i := range n {
			want = append(want, strings.Repeat("x", i))
			p.add([]byte(want[i]))
		}
		if err := p.chunks(5, func(some []string) error {
			if len(some) == 0 || len(some) > 5 {
				t.Errorf("a list of %d", len(some))
			}
			got = append(got, some...)
			return nil
		}); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v", got, err)
		}
	}
	stop := errors.New("stop")
	p := packed{[]byte("ab"), []int{1, 2}}
	if err := p.chunks(1, func([]string) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// Chaos seed 33: what a dirty copy took and its source had refused stayed, on top of the source's copy, and the copies
// differed from then on. Only what comes after the source was asked may be on its way.
func TestWhatTheSourceLacksIsNotLeft(t *testing.T) {
	at := nodeapi.Copy{Version: nodeapi.Place{9, 0}, Body: []byte(`{"id":"a"}`)}
	v := func(n uint64) guard.Version { return guard.VersionOf(hlc.Stamp(n), 0) }
	for name, c := range map[string]struct {
		before []guard.Op
		there  nodeapi.Copy
		want   bool
	}{
		"nothing":                    {nil, at, false},
		"the same":                   {[]guard.Op{{Version: v(9), Kind: guard.Replace}}, at, false},
		"a replacement":              {[]guard.Op{{Version: v(9), Kind: guard.Replace}, {Version: v(12), Kind: guard.Replace}}, at, true},
		"an update":                  {[]guard.Op{{Version: v(12), Kind: guard.Update}}, at, true},
		"a deletion":                 {[]guard.Op{{Version: v(12), Kind: guard.Delete}}, at, true},
		"an update of what was gone": {[]guard.Op{{Version: v(12), Kind: guard.Update}}, nodeapi.Copy{Version: nodeapi.Place{9, 0}, Deleted: true}, true},
		"a copy":                     {[]guard.Op{{Version: v(12), Kind: guard.Copy}}, at, false},
	} {
		if got := len(ahead(c.before, c.there)) > 0; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// R1, R4: of two complete copies the newer document wins, and what is known to be deleted stays deleted.
func TestByStamp(t *testing.T) {
	doc, other := []byte(`{"id":"a","x":1}`), []byte(`{"x":2,"id":"a"}`)
	at := func(n uint64) nodeapi.Copy { return nodeapi.Copy{Version: nodeapi.Place{n, 0}, Body: doc} }
	for name, c := range map[string]struct {
		here  local
		there nodeapi.Copy
		want  action
	}{
		"lost here":                       {local{}, at(9), write},
		"older here":                      {local{exists: true, version: v(5), body: other}, at(9), write},
		"newer here":                      {local{exists: true, version: v(12), body: other}, at(9), leave},
		"the same":                        {local{exists: true, version: v(9), body: doc}, at(9), leave},
		"same version, other content":     {local{exists: true, version: v(9), body: other}, at(9), write},
		"deleted here later":              {local{gone: v(10)}, at(9), leave},
		"deleted here at that version":    {local{gone: v(9)}, at(9), leave},
		"deleted here before":             {local{gone: v(8)}, at(9), write},
		"not there any more":              {local{exists: true, version: v(5), body: other}, nodeapi.Copy{Version: nodeapi.Place{9, 0}, Deleted: true}, leave},
		"nowhere":                         {local{}, nodeapi.Copy{}, leave},
		"unsettled there":                 {local{exists: true, version: v(5), body: other}, nodeapi.Copy{Unsettled: true}, later},
		"without a stamp":                 {local{}, at(0), write},
		"before an operation on all here": {local{wide: 10}, at(9), later},
		"after an operation on all here":  {local{wide: 10}, nodeapi.Copy{Version: nodeapi.Place{12, 0}, Floor: nodeapi.Place{10, 0}, Body: doc}, write},
		"replaced here a moment ago":      {local{exists: true, version: v(12), body: other, history: []guard.Op{op(12, guard.Replace)}}, at(9), leave},
		"an update here is on its way":    {local{exists: true, version: v(7), body: other, history: []guard.Op{op(7, guard.Update)}}, at(9), later},
		"an update here is newer than it": {local{exists: true, version: v(12), body: other, history: []guard.Op{op(12, guard.Update)}}, at(9), leave},
	} {
		if got, _ := byStamp(c.here, c.there); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, c := range map[string]struct {
		here local
		want action
	}{
		"absent":          {local{}, leave},
		"older":           {local{exists: true, version: v(5)}, remove},
		"that version":    {local{exists: true, version: v(9)}, remove},
		"newer":           {local{exists: true, version: v(12)}, leave},
		"updated now":     {local{exists: true, version: v(5), history: []guard.Op{op(12, guard.Update)}}, leave},
		"without a stamp": {local{exists: true}, remove},
	} {
		if got := byVersion(c.here, v(9)); got != c.want {
			t.Errorf("deletion of what is %s: %d", name, got)
		}
	}
}
