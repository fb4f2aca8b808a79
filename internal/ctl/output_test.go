package ctl

import (
	"bytes"
	"strings"
	"testing"
)

func TestCT1Formats(t *testing.T) {
	list := `{"results":[{"id":"node-0","group":1,"status":"active","shard_count":8,"big":9007199254740993,"text":"123","odd":"a: #b\u0007","none":null,"list":[],"deep":{"x":[1,"y"]}},{"id":"node-1"}]}`
	server := coordinator(t, map[string]string{"/_miroir/nodes": list + "\n", "/_miroir/nodes/node-1": `{"id":"node-1"}`})
	for format, want := range map[string]string{
		"json":   list + "\n",
		"ndjson": strings.Split(list[12:], `},{"id":"node-1"`)[0] + "}\n{\"id\":\"node-1\"}\n",
		"yaml": `results:
  - id: node-0
    group: 1
    status: active
    shard_count: 8
    big: 9007199254740993
    text: "123"
    odd: "a: #b\a"
    none: null
    list: []
    deep:
      x:
        - 1
        - "y"
  - id: node-1
`,
	} {
		code, out, errs := call(t, adminKey, "node", "list", "--server", server, "-o", format)
		if code != 0 || out != want {
			t.Errorf("%s: %d %q\n%s\nwanted\n%s", format, code, errs, out, want)
		}
	}
	_, narrow, _ := call(t, adminKey, "node", "list", "--server", server)
	_, wide, _ := call(t, adminKey, "node", "list", "--server", server, "-o", "wide")
	if strings.Contains(narrow, "SEEN") || !strings.Contains(wide, "SEEN") || len(strings.Split(strings.TrimSpace(narrow), "\n")) != 3 {
		t.Errorf("%s\n%s", narrow, wide)
	}
	code, out, _ := call(t, adminKey, "node", "show", "node-1", "--server", server, "-o", "ndjson")
	if code != 0 || out != "{\"id\":\"node-1\"}\n" {
		t.Errorf("%d %s", code, out)
	}
}

func TestTablesAreSafeForTerminals(t *testing.T) {
	var out bytes.Buffer
	if err := table(&out, [][]string{{"A", "B"}, {"x\x1b[31m\ty", "z\n"}}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\t") || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%q", out.String())
	}
}
