package cities

import (
	"archive/tar"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
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
	archive := pack(t, map[string]string{"package/README.md": "no", fileName: threeCities})
	var sizes []int
	var all []City
	err := EachBatch(archive, 2, func(batch []City) error {
		sizes = append(sizes, len(batch))
		all = append(all, batch...)
		return nil
	})
	if err != nil || !slices.Equal(sizes, []int{2, 1}) {
		t.Fatalf("batches %v, %v", sizes, err)
	}
	if want := (City{ID: 3, Name: "Oslo", Country: "NO", Region: "12", Geo: Geo{59.91, 10.75}}); all[2] != want {
		t.Errorf("got %+v, want %+v", all[2], want)
	}
}

func TestBrokenCitiesAreAnError(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no such file": {"package/other.json": "[]"},
		"no list":      {fileName: ""},
		"cut off":      {fileName: `[{"name":"a","lat":"1","lng":"1"`},
		"no number":    {fileName: `[{"name":"a","lat":"x","lng":"1"}]`},
	} {
		if err := EachBatch(pack(t, files), 10, func([]City) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
