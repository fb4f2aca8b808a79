package need

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/miroir-search/miroir/internal/parts"
)

// Need is something that a real Meilisearch has and engine 1.15 has not.
type Need string

// The needs. The text is the reason that the test runner prints.
const (
	// V150Routes: routes that the own engine leaves out, dumps above all.
	V150Routes Need = "routes that the own engine does not have"
	// V150Answers: what only a 1.50 answers.
	V150Answers Need = "the exact answers of Meilisearch 1.50"
)

// Programs that fetch and run a package of another language, which nothing of Miroir itself needs.
const (
	Python Need = "python3 with pip, for the Python package"
	Node   Need = "node and npm, for the JavaScript package"
)

// Mount: a file system of a size of its own.
const Mount Need = "the right to mount a file system (root)"

// OwnEngine: the test proves what the project's own engine does beyond a Meilisearch's answers, as outliving a panic. A real
// one is not ours to prove.
const OwnEngine Need = "the project's own engine (a real Meilisearch is given)"

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

// Feature excludes the running test unless a real Meilisearch is given; one that needs OwnEngine, if one is given.
func Feature(t T, n Need) {
	t.Helper()
	engine, err := locate()
	switch {
	case err != nil:
		t.Fatalf("need %q: %v", n, err)
	case engine.Real == (n == OwnEngine):
		exclude(t, n)
	}
}

// Programs excludes the running test unless all programs are on the PATH.
func Programs(t T, n Need, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			exclude(t, n)
			return
		}
	}
}

// Root excludes the running test unless it may mount file systems.
func Root(t T) {
	t.Helper()
	if os.Geteuid() != 0 {
		exclude(t, Mount)
	}
}

func exclude(t T, n Need) {
	t.Helper()
	mark := Mark(Exclusion{Test: t.Name(), Need: n})
	fmt.Println("\n" + mark) // Ginkgo shows the reason of a skip to those who ask for it only
	t.Skip(mark)
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
