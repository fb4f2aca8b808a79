package golden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Known is a difference that is expected, and why. Path is a JSON pointer in which `*` stands for any one part; it
// covers everything below it. An empty path covers the whole answer.
type Known struct {
	File   string `json:"file"`
	N      []int  `json:"n"` // the entries of the file it is seen in
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// LoadKnown reads a list of known differences.
func LoadKnown(path string) ([]Known, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("known differences: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var list []Known
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("known differences: %s: %w", path, err)
	}
	for i, known := range list {
		if known.Reason == "" || known.File == "" || len(known.N) == 0 {
			return nil, fmt.Errorf("known differences: %s, entry %d: file, n and reason are needed", path, i)
		}
	}
	return list, nil
}

func (k Known) covers(n int, d Difference) bool {
	if d.File != k.File || d.N != n {
		return false
	}
	if k.Path == "" {
		return true
	}
	want, got := strings.Split(k.Path, "/"), strings.Split(d.Path, "/")
	if len(got) < len(want) {
		return false
	}
	for i, part := range want {
		if part != "*" && part != got[i] {
			return false
		}
	}
	return true
}

// Verdict is what the list makes of the differences found in one file.
type Verdict struct {
	Unlisted []Difference
	Stale    []string       // entries of the list that no longer occur
	Reasons  map[string]int // requests that differ, by reason
	Differ   int            // requests with at least one difference
}

// Judge holds the differences found in a file against the list.
func Judge(file string, found []Difference, list []Known) Verdict {
	verdict := Verdict{Reasons: map[string]int{}}
	listed := make([]bool, len(found))
	differ := map[int]bool{}
	for _, difference := range found {
		differ[difference.N] = true
	}
	for _, known := range list {
		if known.File != file {
			continue
		}
		for _, n := range known.N {
			occurs := false
			for i, difference := range found {
				if known.covers(n, difference) {
					occurs, listed[i] = true, true
				}
			}
			if !occurs {
				verdict.Stale = append(verdict.Stale, fmt.Sprintf("%s %d %s (%s)", file, n, known.Path, known.Reason))
				continue
			}
			verdict.Reasons[known.Reason]++
		}
	}
	for i, difference := range found {
		if !listed[i] {
			verdict.Unlisted = append(verdict.Unlisted, difference)
		}
	}
	verdict.Differ = len(differ)
	return verdict
}
