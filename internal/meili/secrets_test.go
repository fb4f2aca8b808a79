package meili

import (
	"strings"
	"testing"
)

func TestKeysAreMaskedRevealedAndDropped(t *testing.T) {
	const clear = `{"a":1,"embedders":{"e":{"apiKey":"sk-proj-0123456789abcdefghij","headers":{"apiKey":"shown"}},"c":{"searchEmbedder":{"apiKey":"shown"}},"n":{"apiKey":null}}}`
	const shown = `{"a":1,"embedders":{"e":{"apiKey":"sk-prXXXXX...","headers":{"apiKey":"shown"}},"c":{"searchEmbedder":{"apiKey":"shown"}},"n":{"apiKey":null}}}`
	masked := string(MaskSettings([]byte(clear)))
	if want := `"apiKey":"sk-XXXXX..."`; masked == clear || !strings.Contains(masked, want) || !strings.Contains(masked, `"headers":{"apiKey":"shown"}`) {
		t.Errorf("masked: %s", masked)
	}
	if again := string(MaskSettings([]byte(masked))); again != masked {
		t.Errorf("masked again: %s", again)
	}
	// The first candidate that fits has the word; one that does not fit has none.
	for _, c := range []struct{ candidates []string }{
		{[]string{clear}}, {[]string{`{}`, clear}}, {[]string{`{"embedders":{"e":{"apiKey":"another"}}}`, clear}}, {[]string{shown, clear}},
		{[]string{clear, `{"embedders":{"e":{"apiKey":"sk-proj-9876543210abcdefghij"}}}`}},
	} {
		var list [][]byte
		for _, one := range c.candidates {
			list = append(list, []byte(one))
		}
		if got := string(RevealSettings([]byte(masked), list...)); got != clear {
			t.Errorf("%v: %s", c.candidates, got)
		}
	}
	if got := string(RevealSettings([]byte(masked))); got != masked {
		t.Errorf("nobody knows: %s", got)
	}
	if got := string(DropMasks([]byte(`{"embedders":{"e":{"source":"rest","apiKey":"XXX..."},"f":{"apiKey":"k"}}}`))); got != `{"embedders":{"e":{"source":"rest"},"f":{"apiKey":"k"}}}` {
		t.Errorf("dropped: %s", got)
	}
	if got := string(SendableEmbedders([]byte(`{"e":{"apiKey":"XXX..."},"old":{}}`), []byte(`{"e":{"apiKey":"XXX..."}}`))); got != `{"e":{},"old":null}` {
		t.Errorf("sendable: %s", got)
	}
	settings := []byte(`{"embedders":{"e":{"apiKey":"sk-proj-0123456789","headers":{"a":"ab","b":"another secret"}}}}`)
	if got := Censor("sk-proj-0123456789 and another secret, about", settings); got != "skXXXX... and anXXXX..., about" {
		t.Errorf("censored: %s", got)
	}
	if got := string(SendableEmbedders(nil, []byte(`{}`))); got != `{}` {
		t.Errorf("sendable: %s", got)
	}
}
