package telemetry

import (
	"bytes"
	"strings"
	"testing"
)

// LO-2: lines of a request have its id, all others none.
func TestLO2LinesNameTheirRequest(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, LogOptions{Component: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"7f00ab12": `"request_id":"7f00ab12"`, "a.b_C-9": `"request_id":"a.b_C-9"`, "": "", "a b": "", "\"": "", strings.Repeat("x", 65): ""} {
		out.Reset()
		ctx := WithRequest(t.Context(), id)
		below := log.With().Str("more", "fields").Logger()
		below.Warn().Ctx(ctx).Msg("something")
		if line := out.String(); want != "" && strings.Count(line, want) != 1 || want == "" && strings.Contains(line, "request_id") {
			t.Errorf("%q: %s", id, line)
		}
		if got := RequestOf(ctx); (got == id) != (want != "" || id == "") {
			t.Errorf("%q became %q", id, got)
		}
	}
	out.Reset()
	log.Info().Msg("background")
	if strings.Contains(out.String(), "request_id") {
		t.Error(out.String())
	}
	if id := NewRequest(); len(id) != 8 || !IsRequest(id) || id == NewRequest() {
		t.Error(id)
	}
}
