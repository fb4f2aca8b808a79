package meili

import (
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
)

var chatting = map[string]bool{"chatCompletions": true, "foreignKeys": true}

// RT-7: settings behind features are refused, shown and reset as the features say.
func TestSettingsBehindFeatures(t *testing.T) {
	for body, want := range map[string][2]apierr.Code{ // features off, on
		`{"chat":{"description":"d"}}`: {apierr.FeatureNotEnabled, ""}, `{"chat":null,"foreignKeys":null}`: {}, `{"foreignKeys":[]}`: {apierr.FeatureNotEnabled, ""},
		`{"foreignKeys":[{"foreignIndexUid":"a","fieldName":"b"}]}`: {apierr.FeatureNotEnabled, apierr.MiroirNotImplemented},
		`{"foreignKeys":[{"foreignIndexUid":"a"}]}`:                 {apierr.InvalidSettingsForeignKeys, apierr.InvalidSettingsForeignKeys},
	} {
		for i, on := range []map[string]bool{nil, chatting} {
			_, e := ParseSettings([]byte(body), on)
			if code := codeOf(e); code != want[i] {
				t.Errorf("%s with %v: %q, want %q", body, on, code, want[i])
			}
		}
	}
	committed := []byte(`{"stopWords":["a"],"chat":{"description":"d"}}`)
	if got := string(ShowSettings(committed, nil)); got != `{"stopWords":["a"]}` {
		t.Error(got)
	}
	if got := string(ShowSettings(committed, chatting)); got != `{"foreignKeys":[],"stopWords":["a"],"chat":{"description":"d"}}` {
		t.Error(got)
	}
	if v, ok := SettingValue([]byte(`{}`), "chat"); !ok || string(v) != defaultChat {
		t.Errorf("%s", v)
	}
	one, _ := CanonSettings(committed)
	two, _ := CanonSettings([]byte(`{"stopWords":["a"]}`))
	if one.Hash() != two.Hash() {
		t.Error("the hash depends on what features show")
	}
	if got := string(PatchOf("", nil, HiddenFeatures(committed, nil)).Members); !strings.Contains(got, `"chat":null`) || strings.Contains(got, "foreignKeys") {
		t.Error(got)
	}
}

// F5: what engines hide is kept over a commit, until a change resets it.
func TestF5HiddenSettingsAreCarriedOver(t *testing.T) {
	previous := []byte(`{"stopWords":[],"chat":{"description":"d"}}`)
	for patch, want := range map[string]string{
		`{"stopWords":["a"]}`: `{"stopWords":["a"],"chat":{"description":"d"}}`, `{"stopWords":["a"],"chat":null}`: `{"stopWords":["a"]}`,
	} {
		got, err := ClientView([]byte(`{"stopWords":["a"]}`), previous, SettingsPatch{Members: []byte(patch)})
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v", patch, got, err)
		}
	}
}

// F5: chat settings are merged by engines member by member, so what takes a change back says all of them.
func TestF5RestoredChat(t *testing.T) {
	got := string(RestoredChat([]byte(`{"description":"d","searchParameters":{"limit":5}}`)))
	want := `{"description":"d","searchParameters":{"hybrid":null,"limit":5,"sort":null,"distinct":null,"matchingStrategy":null,` +
		`"attributesToSearchOn":null,"rankingScoreThreshold":null}}`
	if got != want {
		t.Error(got)
	}
	p, e := PreviewSettings([]byte(`{"chat":{"description":"x","searchParameters":{"sort":["a:asc"]}}}`), []byte(`{"chat":`+got+`}`), chatting)
	if e != nil || len(p.Changes) != 1 || !strings.Contains(string(p.Changes[0].To), `"searchParameters":{"limit":5}`) {
		t.Errorf("%+v %v", p, e)
	}
}

func codeOf(e *apierr.Error) apierr.Code {
	if e == nil {
		return ""
	}
	return e.Code
}
