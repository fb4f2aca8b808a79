package meili

import (
	"maps"
	"testing"
)

func TestParseFeatures(t *testing.T) {
	for body, want := range map[string]string{
		`{"metrics":1}`: "bad_request: Invalid value type at `.metrics`: expected a boolean, but found a positive integer: `1`",
		`{"metric":true}`: "bad_request: Unknown field `metric`: did you mean `metrics`? expected one of `metrics`, `logsRoute`, " +
			"`editDocumentsByFunction`, `containsFilter`, `dynamicSearchRules`, `network`, `getTaskDocumentsRoute`, " +
			"`taskQueueCompactionRoute`, `compositeEmbedders`, `chatCompletions`, `multimodal`, `foreignKeys`, " +
			"`disableDocumentsFetchQueue`, `legacySearch`, `renderRoute`",
		``:   "missing_payload: A json payload is missing.",
		`[]`: "bad_request: Invalid value type: expected an object, but found an array: `[]`",
	} {
		if _, e := ParseFeatures([]byte(body)); e == nil || e.Error() != want {
			t.Errorf("%s: %v", body, e)
		}
	}
	got, e := ParseFeatures([]byte(`{"metrics":true,"network":null,"legacySearch":false}`))
	if e != nil || !maps.Equal(got, map[string]bool{"metrics": true, "legacySearch": false}) {
		t.Errorf("%v, %v", got, e)
	}
	if got := string(Features(map[string]bool{"logsRoute": true})); got != `{"metrics":false,"logsRoute":true,"editDocumentsByFunction":false,`+
		`"containsFilter":false,"dynamicSearchRules":false,"network":false,"getTaskDocumentsRoute":false,"taskQueueCompactionRoute":false,`+
		`"compositeEmbedders":false,"chatCompletions":false,"multimodal":false,"foreignKeys":false,"disableDocumentsFetchQueue":false,`+
		`"legacySearch":false,"renderRoute":false}` {
		t.Error(got)
	}
}
