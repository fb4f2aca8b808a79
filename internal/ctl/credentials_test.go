package ctl

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// home makes a home with a credentials file.
func home(t *testing.T, content string, mode os.FileMode) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv(envServer, "")
	path := filepath.Join(dir, ".config", "miroir", "credentials")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestCT2CredentialsFileNamesClusters(t *testing.T) {
	one := coordinator(t, map[string]string{"/_miroir/topology": healthy})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Admin-Key") != "other key" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write([]byte(healthy))
	}))
	t.Cleanup(other.Close)
	file := "current = \"one\"\n[contexts.one]\nserver = \"" + one + "\"\nadmin_key = \"" + adminKey + "\"\n" +
		"[contexts.other]\nserver = \"" + other.URL + "\"\nadmin_key = \"other key\"\n"
	home(t, file, 0o600)
	for name, c := range map[string]struct {
		env  string
		args []string
		code int
		told string
	}{
		"current":                  {"", []string{"status"}, 0, ""},
		"named":                    {"", []string{"status", "--context", "other"}, 0, ""},
		"the environment wins":     {"wrong", []string{"status"}, exitAuth, "invalid"},
		"a flag for the server":    {"", []string{"status", "--context", "other", "--server", one}, exitAuth, "invalid"},
		"a shadowed flag":          {"", []string{"status", "--admin-key", "x"}, 0, "--admin-key is ignored, the credentials file has a key"},
		"a shadowed flag, quietly": {"", []string{"status", "--admin-key", "x", "--quiet"}, 0, ""},
		"unknown":                  {"", []string{"status", "--context", "none"}, lifecycle.ExitUsage, "one, other"},
	} {
		code, _, errs := call(t, c.env, c.args...)
		if code != c.code || !strings.Contains(errs, c.told) || c.told == "" && errs != "" {
			t.Errorf("%s: %d %q", name, code, errs)
		}
	}
	home(t, strings.Replace(file, "current = \"one\"\n", "", 1), 0o400)
	if code, _, errs := call(t, "", "status"); code != exitAuth || !strings.Contains(errs, "no admin key") {
		t.Errorf("two contexts and none chosen: %d %q", code, errs)
	}
}

// CT-3: a file that others may read is refused, and what is wrong in a file is told without its text.
func TestCT3CredentialsStaySecret(t *testing.T) {
	server := coordinator(t, map[string]string{"/_miroir/topology": healthy})
	good := "[contexts.only]\nserver = \"" + server + "\"\nadmin_key = \"" + adminKey + "\"\n"
	for _, mode := range []os.FileMode{0o640, 0o604, 0o644, 0o660, 0o620} {
		home(t, good, mode)
		if code, _, errs := call(t, "", "status"); code != exitAuth || !strings.Contains(errs, "chmod 600") {
			t.Errorf("%o: %d %q", mode, code, errs)
		}
	}
	for _, mode := range []os.FileMode{0o600, 0o400} {
		home(t, good, mode)
		if code, _, errs := call(t, "", "status"); code != 0 {
			t.Errorf("%o: %d %q", mode, code, errs)
		}
	}
	for name, file := range map[string]string{
		"no TOML":        "admin_key = \"" + adminKey + "\" \"",
		"unknown member": "[contexts.a]\nadmin_kee = \"" + adminKey + "\"",
		"wrong kind":     "[contexts.a]\nadmin_key = [\"" + adminKey + "\"]",
	} {
		home(t, file, 0o600)
		if code, out, errs := call(t, "", "status"); code == 0 || strings.Contains(errs+out, adminKey) || !strings.Contains(errs, "credentials") {
			t.Errorf("%s: %d %q %q", name, code, out, errs)
		}
	}
}

func TestTLSAndHeaders(t *testing.T) {
	var seen http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		_, _ = w.Write([]byte(healthy))
	}))
	t.Cleanup(server.Close)
	if code, _, errs := call(t, adminKey, "status", "--server", server.URL); code == 0 || strings.Contains(errs, adminKey) {
		t.Errorf("an unknown certificate: %d %q", code, errs)
	}
	if code, _, errs := call(t, adminKey, "status", "--server", server.URL, "--insecure-skip-tls-verify", "--request-id", "abc"); code != 0 || seen.Get("X-Request-Id") != "abc" {
		t.Errorf("%d %q %v", code, errs, seen)
	}
	for name, args := range map[string][]string{
		"missing file":   {"--ca-file", filepath.Join(t.TempDir(), "none")},
		"no certificate": {"--ca-file", os.Args[0]},
		"no URL":         {"--server", "localhost:7710"},
	} {
		if code, _, errs := call(t, adminKey, append([]string{"status", "--server", server.URL}, args...)...); code == 0 {
			t.Errorf("%s: %q", name, errs)
		}
	}
}

// The key goes to the server that was named, and to nobody whom it points to.
func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	if code, _, _ := call(t, adminKey, "status", "--server", server.URL); code == 0 || asked {
		t.Errorf("%d, asked %v", code, asked)
	}
}
