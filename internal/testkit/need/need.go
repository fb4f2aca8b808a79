package need

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/miroir-search/miroir/internal/parts"
)

// Need is something that a real Meilisearch has and engine 1.15 has not.
type Need string

// The needs. The text is the reason that the test runner prints.
const (
	// V150RankingRules: `attributeRank` and `wordPosition` are rules of their own.
	V150RankingRules Need = "ranking rules attributeRank and wordPosition (engine 1.15 has only attribute)"
	// V150Totals: totals are not capped by maxTotalHits.
	V150Totals Need = "totals beyond maxTotalHits (engine 1.15 caps them)"
	// V150Settings: settings that came after 1.15.
	V150Settings Need = "settings newer than engine 1.15"
	// V150Search: search parameters that came after 1.15.
	V150Search Need = "search parameters newer than engine 1.15"
	// V150Routes: routes that came after 1.15 or that the own engine leaves out.
	V150Routes Need = "routes that the own engine does not have"
	// Node: any node at all, while the development engine does not serve.
	Node Need = "a node to run with (the development engine does not serve yet, see engine/INCOMPLETE)"
	// V150Answers: byte for byte the answers of a 1.50.
	V150Answers Need = "the exact answers of Meilisearch 1.50"
)

// mark starts the line that the test runner looks for.
const mark = "miroir-excluded "

// Exclusion is one test that did not run.
type Exclusion struct {
	Test string `json:"test"`
	Need Need   `json:"need"`
}

// T is what this package uses of a test; *testing.T and Ginkgo's GinkgoT() have it.
type T interface {
	Helper()
	Name() string
	Skip(args ...any)
	Fatalf(format string, args ...any)
}

// Feature excludes the running test unless a real Meilisearch is given.
func Feature(t T, n Need) {
	t.Helper()
	engine, err := locate()
	switch {
	case err != nil:
		t.Fatalf("need %q: %v", n, err)
	case !engine.Real:
		t.Skip(Mark(Exclusion{Test: t.Name(), Need: n}))
	}
}

// ANode excludes the running test where there is nothing to run a node with: no real Meilisearch is given and the
// development engine is not finished.
func ANode(t T) {
	t.Helper()
	bin, err := parts.TreeBin()
	if err != nil {
		t.Fatalf("need %q: %v", Node, err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(bin), "engine", "INCOMPLETE")); errors.Is(err, os.ErrNotExist) {
		return
	}
	if engine, err := locate(); err != nil || !engine.Real {
		t.Skip(Mark(Exclusion{Test: t.Name(), Need: Node}))
	}
}

// Mark is the line that tells of an exclusion.
func Mark(e Exclusion) string {
	raw, err := json.Marshal(e)
	if err != nil { // two strings always encode
		panic(err)
	}
	return mark + string(raw)
}

// Find reads the mark out of a line of test output.
func Find(line string) (Exclusion, bool) {
	_, raw, found := strings.Cut(line, mark)
	if !found {
		return Exclusion{}, false
	}
	var e Exclusion
	if err := json.NewDecoder(strings.NewReader(raw)).Decode(&e); err != nil || e.Test == "" || e.Need == "" {
		return Exclusion{}, false
	}
	return e, true
}

func locate() (parts.Engine, error) {
	bin, err := parts.TreeBin()
	if err != nil {
		return parts.Engine{}, err
	}
	engine, err := parts.Places{Folders: []string{bin}}.Engine()
	if err != nil {
		return parts.Engine{}, fmt.Errorf("which engine: %w", err)
	}
	return engine, nil
}
