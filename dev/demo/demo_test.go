package main

import (
	"strings"
	"testing"
)

func TestAnsweredNamesTheNodesThatServed(t *testing.T) {
	before := map[string]uint64{"node-0": 3, "node-1": 7}
	after := map[string]uint64{"node-0": 12, "node-1": 7, "node-2": 1}
	if got := strings.Join(answered(before, after), ","); got != "node-0,node-2" {
		t.Errorf("got %s", got)
	}
}
