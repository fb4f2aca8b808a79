package operation

import (
	"reflect"
	"strings"
	"testing"
)

// TestMakeIsSeeded: a request that was answered otherwise can be made again by its seed and number.
func TestMakeIsSeeded(t *testing.T) {
	kinds := map[string]bool{}
	for n := range 2000 {
		r := Make(7, n, n/2)
		if again := Make(7, n, n/2); !reflect.DeepEqual(r, again) {
			t.Fatalf("request %d is another one the second time: %+v, %+v", n, r, again)
		}
		if !strings.HasPrefix(r.Path, "/") || r.Method == "" {
			t.Fatalf("request %d is none: %+v", n, r)
		}
		path, _, _ := strings.Cut(r.Path, "?")
		first, rest, _ := strings.Cut(path[1:], "/")
		_, under, _ := strings.Cut(rest, "/")
		kinds[r.Method+" "+first+" "+under] = true
	}
	for _, kind := range []string{
		"POST indexes ", "PATCH indexes ", "POST indexes documents", "PUT indexes documents", "DELETE indexes documents", "POST indexes documents/delete",
		"PATCH indexes settings", "PUT indexes settings/ranking-rules", "POST swap-indexes ", "GET tasks ", "GET batches ", "POST tasks ", "DELETE tasks ",
		"POST keys ", "PATCH keys ", "PATCH experimental-features ", "POST indexes search", "POST indexes facet-search", "POST multi-search ", "GET stats ",
	} {
		if !kinds[kind] {
			t.Errorf("2,000 requests without one of the kind %q", kind)
		}
	}
}
