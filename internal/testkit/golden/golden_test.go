package golden

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

func TestWithoutKeepsWhatTheNodeDoesNotDoTheSameWay(t *testing.T) {
	own := []Difference{
		{File: "f", N: 1, Path: "/body/a", Want: "1", Got: "2"},
		{File: "f", N: 2, Path: "/body/a", Want: "1", Got: "2"},
		{File: "f", N: 3, Path: "/body/a", Want: "1", Got: "2"},
	}
	found := []Difference{
		own[0],
		{File: "f", N: 2, Path: "/body/a", Want: "1", Got: "3"}, // at the same place, but another value
		own[2],
		{File: "f", N: 3, Path: "/body/b", Want: "1", Got: "2"},
	}
	rest, inherited := Without(found, own)
	if want := []Difference{found[1], found[3]}; !reflect.DeepEqual(rest, want) || inherited != 1 {
		t.Fatalf("%d inherited, rest %v, want %v", inherited, rest, want)
	}
}

func TestJudgeWantsEveryDifferenceListedAndEveryEntrySeen(t *testing.T) {
	found := []Difference{
		{File: "f", N: 1, Path: "/body/hits/0/id"},
		{File: "f", N: 1, Path: "/body/hits/1/id"},
		{File: "f", N: 2, Path: "/status"},
	}
	list := []Known{
		{File: "f", N: []int{1, 7}, Path: "/body/hits/*/id", Reason: "r"},
		{File: "other", N: []int{2}, Reason: "of another file"},
	}
	verdict := Judge("f", found, list)
	if len(verdict.Unlisted) != 1 || verdict.Unlisted[0] != found[2] {
		t.Errorf("unlisted %v", verdict.Unlisted)
	}
	if len(verdict.Stale) != 1 || verdict.Reasons["r"] != 1 || verdict.Differ != 2 {
		t.Errorf("%+v", verdict)
	}
}

func TestCompareSeesWhatMattersAndNothingElse(t *testing.T) {
	for _, test := range []struct {
		want, got string
		paths     []string
	}{
		{`{"a":1}`, `{"a":1.0}`, nil},
		{`{"a":12345678901234567890}`, `{"a":12345678901234567000}`, []string{"/a"}},
		{`{"enqueuedAt":"x"}`, `{"enqueuedAt":"y"}`, nil},
		{`{"enqueuedAt":"x"}`, `{"enqueuedAt":null}`, []string{"/enqueuedAt"}},
		{`{"taskUid":3}`, `{"taskUid":4}`, []string{"/taskUid"}},
		{`{"name":"Default Search API Key","actions":[],"uid":"a"}`, `{"name":"Default Search API Key","actions":[],"uid":"b"}`, nil},
		{`{"name":"n","actions":[],"uid":"a"}`, `{"name":"n","actions":[],"uid":"b"}`, []string{"/uid"}},
		{`[1,2]`, `[1]`, []string{"/1"}},
		{`{"a/b":1}`, `{"c":1}`, []string{"/a~1b", "/c"}},
	} {
		want, errWant := jsondiff.Decode([]byte(test.want))
		got, errGot := jsondiff.Decode([]byte(test.got))
		if errWant != nil || errGot != nil {
			t.Fatal(errWant, errGot)
		}
		var paths []string
		compare("", want, got, func(path, _, _ string) { paths = append(paths, path) })
		if !reflect.DeepEqual(paths, test.paths) {
			t.Errorf("%s against %s: %v, want %v", test.got, test.want, paths, test.paths)
		}
	}
}

func TestRecordedUidsAreReadAsPlaces(t *testing.T) {
	u := &uids{made: []string{"0", "1", "7"}}
	u.add(map[string]any{"taskUid": json.Number("3")}, map[string]any{"code": "miroir_not_implemented"})
	u.add(nil, map[string]any{"taskUid": json.Number("9")})
	if !u.rising() {
		t.Error("9 comes after 7")
	}
	got, err := json.Marshal(u.translate(map[string]any{
		"results": []any{map[string]any{"uid": json.Number("2"), "batchUid": json.Number("4"), "details": map[string]any{"limit": json.Number("2")}}},
		"total":   json.Number("2"), "from": json.Number("2"), "next": json.Number("3"),
		"batchStrategy": "stopped after task with id 4 because",
	}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"batchStrategy":"stopped after task with id 9 because","from":7,"next":3,` +
		`"results":[{"batchUid":9,"details":{"limit":2},"uid":7}],"total":2}`
	if string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := u.path("/tasks?limit=2&from=2"); got != "/tasks?limit=2&from=7" {
		t.Error(got)
	}
	u.add(nil, map[string]any{"taskUid": json.Number("8")})
	if u.rising() {
		t.Error("8 does not come after 9")
	}
}
