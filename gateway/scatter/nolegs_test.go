package scatter

import (
	"context"
	"testing"

	"github.com/miroir-search/miroir/gateway/plan"
)

// A read of which nothing is covered, or whose only leg was asked by itself, asks nobody.
func TestReadWithoutLegsAsksNobody(t *testing.T) {
	var r Reader
	out := r.Read(context.Background(), Call{}, plan.Read{Missing: []int{3}}, nil)
	if len(out.Results) != 0 || out.Refused != nil || len(out.Missing) != 1 {
		t.Fatalf("%+v", out)
	}
}
