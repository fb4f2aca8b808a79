package meili

import (
	"testing"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/rawjson"
)

func faultOf(t *testing.T, c Contents, document string) *apierr.Error {
	t.Helper()
	scanned := rawjson.ScanObject([]byte(document), 0, nil)
	return c.Check("i", []byte("1"), scanned.Members).Error()
}

// RT-4: what Meilisearch 1.50 said to these documents, with and without an embedder `own` of two dimensions.
func TestRT4Vectors(t *testing.T) {
	const (
		bad      = "Index `i`: Bad embedder configuration in the document with id: `1`. "
		expected = bad + "Expected `._vectors.own` to be an array of floats, an array of arrays of floats, or an object with at least the field `regenerate`, but got the "
		missing  = bad + "Missing field `._vectors.own.regenerate`\n  - note: `._vectors.own` must be an array of floats, an array of arrays of floats, or an object with field `regenerate`"
		lengths  = "Index `i`: Invalid vector dimensions in document with id `1` in `._vectors.own`.\n  - note: embedding #"
	)
	for _, c := range []struct {
		vectors         string
		without, within string // the message without and with the embedder
	}{
		{`[null]`, "Index `i`: invalid type: sequence, expected a map at line 1 column 0", "="},
		{`5`, "Index `i`: invalid type: integer `5`, expected a map at line 1 column 1", "="},
		{`-5`, "Index `i`: invalid type: integer `-5`, expected a map at line 1 column 2", "="},
		{`1.5`, "Index `i`: invalid type: floating point `1.5`, expected a map at line 1 column 3", "="},
		{`"x"`, "Index `i`: invalid type: string \"x\", expected a map at line 1 column 3", "="},
		{`null`, "Index `i`: invalid type: null, expected a map at line 1 column 4", "="},
		{`true`, "Index `i`: invalid type: boolean `true`, expected a map at line 1 column 4", "="},
		{`{"own":5}`, expected + "integer `5`", "="},
		{`{"own":-3}`, expected + "integer `-3`", "="},
		{`{"own":"x"}`, expected + "string `x`", "="},
		{`{"own":true}`, expected + "boolean `true`", "="},
		{`{"own":1.5}`, expected + "number `1.5`", "="},
		{`{"own":null}`, "", ""},
		{`{"own":[]}`, "", ""},
		{`{}`, "", ""},
		{`{"own":[1,"a"]}`, "", bad + "Invalid value type at `._vectors.own[1]`: expected a number, but found a string: `\"a\"`"},
		{`{"own":[null]}`, "", bad + "Invalid value type at `._vectors.own[0]`: expected a number or an array, but found null"},
		{`{"own":[1,[2]]}`, "", bad + "Invalid value type at `._vectors.own[1]`: expected a number, but found an array: `[2]`"},
		{`{"own":{}}`, missing, "="},
		{`{"own":{"embeddings":[1]}}`, missing, "="},
		{`{"own":{"regenerate":1}}`, bad + "Could not parse `._vectors.own.regenerate`: invalid type: integer `1`, expected a boolean at line 1 column 15", "="},
		{`{"own":{"regenerate":null}}`, bad + "Could not parse `._vectors.own.regenerate`: invalid type: null, expected a boolean at line 1 column 18", "="},
		{`{"own":{"regenerate":"x"}}`, bad + "Could not parse `._vectors.own.regenerate`: invalid type: string \"x\", expected a boolean at line 1 column 17", "="},
		{`{"own":{"regenerate":1.5}}`, bad + "Could not parse `._vectors.own.regenerate`: invalid type: floating point `1.5`, expected a boolean at line 1 column 17", "="},
		{`{"own":{"regenerate":[1]}}`, bad + "Could not parse `._vectors.own`: trailing characters at line 1 column 15", "="},
		{`{"own":{"regenerate":{"a":1}}}`, bad + "Could not parse `._vectors.own`: trailing characters at line 1 column 15", "="},
		{`{"own":{"regenerate":1,"embeddings":[1]}}`, bad + "Could not parse `._vectors.own`: trailing comma at line 1 column 16", "="},
		{`{"own":{"regenerate":true,"x":1}}`, bad + "Could not parse `._vectors.own`: trailing characters at line 1 column 23", "="},
		{`{"own":{ "x" : 1}}`, bad + "Could not parse `._vectors.own`: trailing characters at line 1 column 7", "="},
		{`{"own":{"embeddings":[1,2],"regenerate":false}}`, "", ""},
		{`{"own":{"embeddings":null,"regenerate":false}}`, "", ""},
		{`{"own":{"embeddings":[],"regenerate":false}}`, "", ""},
		{`{"own":{"regenerate":false}}`, "", ""},
		{`{"own":{"embeddings":[1,"b"],"regenerate":false}}`, "", bad + "Invalid value type at `._vectors.own.embeddings[1]`: expected a number, but found a string: `\"b\"`"},
		{`{"own":{"embeddings":"z","regenerate":false}}`, "", bad + "Invalid value type at `._vectors.own.embeddings`: expected null or an array, but found a string: `\"z\"`"},
		{`{"own":{"embeddings":[1],"regenerate":true}}`, "", lengths + "0 has dimensions 1\n  - note: embedder `own` requires 2"},
		{`{"own":[[1,2],[3]]}`, "", lengths + "1 has dimensions 1\n  - note: embedder `own` requires 2"},
		{`{"own":[1,2,3]}`, "", lengths + "0 has dimensions 3\n  - note: embedder `own` requires 2"},
		{`{"own":[[1,2],[3,4]]}`, "", ""},
		{`{"other":[1],"own":[1,2]}`, "", ""},
		{`{"other":5,"own":[1,2]}`, bad + "Expected `._vectors.other` to be an array of floats, an array of arrays of floats, or an object with at least the field `regenerate`, but got the integer `5`", "="},
		{`{"o\u0062":5}`, bad + "Expected `._vectors.ob` to be an array of floats, an array of arrays of floats, or an object with at least the field `regenerate`, but got the integer `5`", "="},
	} {
		if c.within == "=" {
			c.within = c.without
		}
		document := `{"id":1, "_vectors" : ` + c.vectors + ` ,"x":[1]}`
		for rules, want := range map[*Contents]string{{}: c.without, {Dimensions: map[string]int{"own": 2}}: c.within} {
			got := ""
			if e := faultOf(t, *rules, document); e != nil {
				got = e.Message
			}
			if got != want {
				t.Errorf("%s with %v:\n got %s\nwant %s", c.vectors, rules.Dimensions, got, want)
			}
		}
	}
	for document, code := range map[string]apierr.Code{
		`{"_vectors":5}`: apierr.Internal, `{"_vectors":{"own":5}}`: apierr.InvalidVectorsType, `{"_vectors":{"own":[1]}}`: apierr.InvalidVectorDimensions,
	} {
		if e := faultOf(t, Contents{Dimensions: map[string]int{"own": 2}}, document); e == nil || e.Code != code {
			t.Errorf("%s: %v, want the code %s", document, e, code)
		}
	}
}

// RT-4: the same for places.
func TestRT4Places(t *testing.T) {
	for geo, want := range map[string]string{
		`5`:          "The `_geo` field in the document with the id: `\"1\"` is not an object. Was expecting an object with the `_geo.lat` and `_geo.lng` fields but instead got `5`.",
		`[1, 2]`:     "The `_geo` field in the document with the id: `\"1\"` is not an object. Was expecting an object with the `_geo.lat` and `_geo.lng` fields but instead got `[1,2]`.",
		`null`:       "",
		`{"lat":1}`:  "Could not find longitude in the document with the id: `\"1\"`. Was expecting a `_geo.lng` field.",
		`{"lng":1}`:  "Could not find latitude in the document with the id: `\"1\"`. Was expecting a `_geo.lat` field.",
		`{}`:         "Could not find latitude nor longitude in the document with the id: `\"1\"`. Was expecting `_geo.lat` and `_geo.lng` fields.",
		`{"x":"id"}`: "Could not find latitude nor longitude in the document with the id: `\"1\"`. Was expecting `_geo.lat` and `_geo.lng` fields.",
		`{"lat":1,"lng":2,"x":{"b":1,"a":2},"c":3}`: "The `_geo` field in the document with the id: `\"1\"` contains the following unexpected fields: `{\"c\":3,\"x\":{\"b\":1,\"a\":2}}`.",
		`{"lat":"1.5","lng":" 2 "}`:                 "Could not parse longitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\" 2 \"`.",
		`{"lat":"a","lng":2}`:                       "Could not parse latitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"a\"`.",
		`{"lat":1,"lng":"NaN"}`:                     "Could not parse longitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"NaN\"`.",
		`{"lat":1,"lng":"inf"}`:                     "Could not parse longitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"inf\"`.",
		`{"lat":null,"lng":true}`:                   "Could not parse latitude nor longitude in the document with the id: `\"1\"`. Was expecting finite numbers but instead got `null` and `true`.",
		`{"lat":95,"lng":500}`:                      "",
		`{"lat":"1e3","lng":""}`:                    "Could not parse longitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"\"`.",
		`{"lat":"+1","lng":".5"}`:                   "",
		`{"lat":"1.","lng":"1_0"}`:                  "Could not parse longitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"1_0\"`.",
		`{"lat":"0x1p-2","lng":1}`:                  "Could not parse latitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"0x1p-2\"`.",
		`{"lat":1,"lng":2,"lat":"x"}`:               "Could not parse latitude in the document with the id: `\"1\"`. Was expecting a finite number but instead got `\"x\"`.",
	} {
		got := ""
		if e := faultOf(t, Contents{Geo: true}, `{"_geo":`+geo+`,"id":1}`); e != nil {
			got = e.Message
			if e.Code != apierr.InvalidDocumentGeoField {
				t.Errorf("%s: code %s", geo, e.Code)
			}
		}
		if want != "" {
			want = "Index `i`: " + want
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", geo, got, want)
		}
		if e := faultOf(t, Contents{}, `{"_geo":`+geo+`,"id":1}`); e != nil {
			t.Errorf("%s: nobody reads places, and yet %v", geo, e)
		}
	}
}

func FuzzContents(f *testing.F) {
	for _, seed := range []string{`{"_geo":{"lat":1,"lng":"2"},"_vectors":{"own":[[1,2]],"b":{"regenerate":true,"embeddings":[1]}}}`, `{"_vectors":[],"_geo":""}`, `{"_vectors":{"own":{"regenerate" : 1 , "x":2}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, document string) {
		if !rawjson.Valid([]byte(document)) || document[rawjson.Space([]byte(document), 0)] != '{' {
			return
		}
		at := rawjson.Space([]byte(document), 0)
		scanned := rawjson.ScanObject([]byte(document), at, nil)
		Contents{Geo: true, Dimensions: map[string]int{"own": 2}}.Check("i", []byte("1"), scanned.Members) // must not panic
	})
}
