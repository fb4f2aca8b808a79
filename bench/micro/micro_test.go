package micro

import (
	"slices"
	"testing"
	"time"
)

func TestOutputOfGoTest(t *testing.T) {
	got := Parse(`goos: linux
pkg: example.com/a
cpu: some
BenchmarkPlacementAndRouting-2   	    5000	    240123 ns/op	   13120 B/op	     139 allocs/op
BenchmarkStrip/20-hits-2     	  100	      1.5 ns/op	 10.00 MB/s	       0 B/op	       0 allocs/op
PASS
ok  	example.com/a	2.1s
`)
	want := []Result{
		{"example.com/a", "BenchmarkPlacementAndRouting", 240123, 13120, 139, 200 * time.Microsecond},
		{"example.com/a", "BenchmarkStrip/20-hits", 1, 0, 0, 0},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}
