package parts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrMissing says that a part was not found anywhere.
var ErrMissing = errors.New("not found")

// ownEngine is the name of the project's own engine. It stands in for a Meilisearch and can do less.
const ownEngine = "miroir-engine"

// Engine is the program of a node.
type Engine struct {
	Path string
	Real bool // a Meilisearch, not the project's own engine
}

// Places are where parts are looked for. The zero value knows the environment and the PATH only.
type Places struct {
	Given   string   // named by the user; wins, and must then exist
	Folders []string // looked at last: where our own binaries are
}

// Envoy finds the Envoy to use.
func (p Places) Envoy() (string, error) {
	path, err := p.find("Envoy", "ENVOY_BIN", "envoy", "envoy")
	if errors.Is(err, ErrMissing) {
		return "", fmt.Errorf("%w; `make tools` fetches one, ENVOY_BIN or the PATH may name another", err)
	}
	return path, err
}

// Engine finds the engine to use: a Meilisearch, or else the project's own.
func (p Places) Engine() (Engine, error) {
	path, err := p.find("engine", "MEILISEARCH_BIN", "meilisearch", ownEngine)
	if errors.Is(err, ErrMissing) {
		return Engine{}, fmt.Errorf("%w; `make tools` builds one, MEILISEARCH_BIN or the PATH may name a Meilisearch", err)
	}
	return Engine{Path: path, Real: filepath.Base(path) != ownEngine}, err
}

func (p Places) find(what, variable, onPath, inFolder string) (string, error) {
	for _, named := range []string{p.Given, os.Getenv(variable)} {
		if named == "" {
			continue
		}
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		return filepath.Abs(path)
	}
	if path, err := exec.LookPath(onPath); err == nil {
		return filepath.Abs(path)
	}
	for _, folder := range p.Folders {
		if path, err := exec.LookPath(filepath.Join(folder, inFolder)); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%s: %w", what, ErrMissing)
}

// BesideSelf is the folder of the running binary.
func BesideSelf() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("own binary: %w", err)
	}
	return []string{filepath.Dir(self)}, nil
}

// TreeBin is the bin folder of the source tree around the working folder, where `make build tools` puts things. Tests
// and developers' programs use it; they run anywhere below the root.
func TreeBin() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working folder: %w", err)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return filepath.Join(folder, "bin"), nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not inside the source tree", start)
		}
	}
}
