package golden

import (
	"reflect"
	"testing"
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
		want, errWant := decode([]byte(test.want))
		got, errGot := decode([]byte(test.got))
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
