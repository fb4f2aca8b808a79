package sdk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

// patience is what a registry, or a tour on a busy machine, may take.
const patience = 10 * time.Minute

// cached returns the folder of what a file pins, and fills it the first time.
func cached(name, pins string, fill func(folder string) error) (string, error) {
	raw, err := os.ReadFile(pins)
	if err != nil {
		return "", err
	}
	cache := os.Getenv("MIROIR_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(base, "miroir")
	}
	digest := sha256.Sum256(raw)
	folder := filepath.Join(cache, "sdk", name+"-"+hex.EncodeToString(digest[:6]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o750); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), name+".")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := fill(fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(folder); there == nil { // somebody else was faster
			return folder, nil
		}
		return "", err
	}
	return folder, nil
}

func command(folder, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // package clients with fixed arguments
	c.Dir = folder
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// pythonTour installs the Python package and returns what runs its tour.
func pythonTour() ([]string, []string, error) {
	folder := filepath.Join(root, "examples", "python")
	// Some packages have parts that are compiled for one version of Python.
	version, err := exec.Command("python3", "-c", "import sys; print(*sys.version_info[:2], sep='.')").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("python3: %w", err)
	}
	packages, err := cached("python"+strings.TrimSpace(string(version)), filepath.Join(folder, "requirements.txt"), func(fresh string) error {
		return command(folder, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", fresh, "-r", "requirements.txt")
	})
	return []string{"python3", filepath.Join(folder, "tour.py")}, []string{"PYTHONPATH=" + packages, "PYTHONDONTWRITEBYTECODE=1"}, err
}

// javascriptTour installs the JavaScript package and returns what runs its tour, from a folder where Node finds the package.
func javascriptTour() ([]string, []string, error) {
	folder := filepath.Join(root, "examples", "js")
	packages, err := cached("js", filepath.Join(folder, "package-lock.json"), func(fresh string) error {
		for _, name := range []string{"package.json", "package-lock.json"} {
			if err := copyFile(filepath.Join(folder, name), filepath.Join(fresh, name)); err != nil {
				return err
			}
		}
		return command(fresh, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	})
	if err != nil {
		return nil, nil, err
	}
	script := filepath.Join(packages, "tour.js")
	return []string{"node", script}, nil, copyFile(filepath.Join(folder, "tour.js"), script)
}

func copyFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o600)
}

// goTour builds the tour of the Go package, which this module pins.
func goTour() ([]string, []string, error) {
	binary := filepath.Join(GinkgoT().TempDir(), "tour")
	return []string{binary}, nil, command(root, "go", "build", "-o", binary, "./examples/go")
}
