package main

import (
	"archive/tar"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pack writes an archive as npm would.
func pack(t *testing.T, files map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tgz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	packed := gzip.NewWriter(file)
	entries := tar.NewWriter(packed)
	for name, content := range files {
		if err := entries.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := entries.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{entries, packed, file} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

const threeCities = `[{"name":"Vila","lat":"42.5","lng":"1.5","country":"AD","admin1":"03","admin2":""},
 {"name":"Ordino","lat":"-1","lng":"0","country":"AD","admin1":"05","admin2":""},
 {"name":"Oslo","lat":"59.91","lng":"10.75","country":"NO","admin1":"12","admin2":"0301"}]`

func TestCitiesAreReadInBatches(t *testing.T) {
	archive := pack(t, map[string]string{"package/README.md": "no", citiesFile: threeCities})
	var sizes []int
	var all []city
	err := eachBatch(archive, 2, func(batch []city) error {
		sizes = append(sizes, len(batch))
		all = append(all, batch...)
		return nil
	})
	if err != nil || !slices.Equal(sizes, []int{2, 1}) {
		t.Fatalf("batches %v, %v", sizes, err)
	}
	if want := (city{ID: 3, Name: "Oslo", Country: "NO", Region: "12", Geo: geo{59.91, 10.75}}); all[2] != want {
		t.Errorf("got %+v, want %+v", all[2], want)
	}
}

func TestBrokenCitiesAreAnError(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no such file": {"package/other.json": "[]"},
		"no list":      {citiesFile: ""},
		"cut off":      {citiesFile: `[{"name":"a","lat":"1","lng":"1"`},
		"no number":    {citiesFile: `[{"name":"a","lat":"x","lng":"1"}]`},
	} {
		if err := eachBatch(pack(t, files), 10, func([]city) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAnsweredNamesTheNodesThatServed(t *testing.T) {
	before := map[string]uint64{"node-0": 3, "node-1": 7}
	after := map[string]uint64{"node-0": 12, "node-1": 7, "node-2": 1}
	if got := strings.Join(answered(before, after), ","); got != "node-0,node-2" {
		t.Errorf("got %s", got)
	}
}
