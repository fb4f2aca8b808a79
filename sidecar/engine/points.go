package engine

import (
	"path"
	"strings"

	"github.com/miroir-search/miroir/internal/failpoint"
)

// before is the point before an engine is told something.
func before(method, target string) {
	if failpoint.Enabled() {
		failpoint.Before("engine", step(method, target))
	}
}

// after is the point after an engine has answered.
func after(method, target string) {
	if failpoint.Enabled() {
		failpoint.After("engine", step(method, target))
	}
}

// step names a request by its method and what it is about, without names of indexes.
func step(method, target string) string {
	target, _, _ = strings.Cut(target, "?")
	last := path.Base(target)
	if path.Dir(target) == "/indexes" {
		last = "index"
	}
	return method + " " + last
}
