package ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/pelletier/go-toml/v2"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

// Environment variables of CT-1 and CT-2.
const (
	envServer   = "MIROIR_SERVER"
	envIngress  = "MIROIR_INGRESS"
	envAdminKey = "MIROIR_ADMIN_API_KEY"
)

// credentials is ~/.config/miroir/credentials:
//
//	current = "production"
//
//	[contexts.production]
//	server = "https://miroir-admin.example.com"
//	ingress = "https://miroir.example.com"
//	admin_key = "…"
//	ca_file = "/etc/miroir/ca.pem"
type credentials struct {
	Current  string             `toml:"current"`
	Contexts map[string]cluster `toml:"contexts"`
}

// cluster is one context.
type cluster struct {
	Server   string `toml:"server"`
	Ingress  string `toml:"ingress"`
	AdminKey string `toml:"admin_key"`
	CAFile   string `toml:"ca_file"`
}

// othersMay are the permission bits that the credentials file must not have (CT-3).
const othersMay = 0o077

// readCredentials reads the file; an empty one when there is none.
func readCredentials() (credentials, error) {
	var c credentials
	home, err := os.UserHomeDir()
	if err != nil {
		return c, nil //nolint:nilerr // without a home there is no file in it
	}
	path := filepath.Join(home, ".config", "miroir", "credentials")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("credentials: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return c, fmt.Errorf("credentials: %w", err)
	}
	if info.Mode().Perm()&othersMay != 0 {
		return c, lifecycle.ExitError{Code: exitAuth, Err: fmt.Errorf("others may read %s: make it `chmod 600`", path)}
	}
	if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(&c); err != nil {
		// The decoder's own words may quote the line, and with it the key.
		var at *toml.DecodeError
		var unknown *toml.StrictMissingError
		switch {
		case errors.As(err, &at):
			line, column := at.Position()
			return c, fmt.Errorf("credentials: %s is wrong in line %d, column %d", path, line, column)
		case errors.As(err, &unknown):
			return c, fmt.Errorf("credentials: %s has an unknown member `%s`", path, strings.Join(unknown.Errors[0].Key(), "."))
		}
		return c, fmt.Errorf("credentials: %s can not be read", path)
	}
	return c, nil
}

// choose finds a context; the zero one when the file says nothing and none was asked for.
func (c credentials) choose(name string) (cluster, error) {
	asked := name != ""
	if !asked {
		name = c.Current
	}
	if name == "" && len(c.Contexts) == 1 {
		for only := range c.Contexts {
			name = only
		}
	}
	chosen, known := c.Contexts[name]
	if name != "" && !known {
		list := strings.Join(slices.Sorted(maps.Keys(c.Contexts)), ", ")
		if list == "" {
			list = "none"
		}
		return chosen, lifecycle.UsageError("the credentials file has no context %q; it has %s", name, list)
	}
	return chosen, nil
}

// connect finds out where the coordinator is and with which key it is asked (CT-2).
func (t *tool) connect() (*client, error) { return t.connectTo(t.coordinator) }

// coordinator is where the coordinator is.
func (t *tool) coordinator(chosen cluster) string {
	return first(t.server, os.Getenv(envServer), chosen.Server, defaultServer)
}

// connectTo finds out with which key a server is asked. A tool talks to one only.
func (t *tool) connectTo(server func(chosen cluster) string) (*client, error) {
	if t.client != nil {
		return t.client, nil
	}
	file, err := readCredentials()
	if err != nil {
		return nil, err
	}
	chosen, err := file.choose(t.context)
	if err != nil {
		return nil, err
	}
	key, err := t.adminKey(chosen)
	if err != nil {
		return nil, err
	}
	t.client, err = newClient(server(chosen), key, first(t.caFile, chosen.CAFile), t.insecure, t.requestID)
	return t.client, err
}

// adminKey looks the key up in the order of CT-2, and says so when a flag is not what counts.
func (t *tool) adminKey(chosen cluster) (string, error) {
	key, from := os.Getenv(envAdminKey), envAdminKey+" is set"
	if key == "" {
		key, from = chosen.AdminKey, "the credentials file has a key"
	}
	switch {
	case key != "" && t.key != "":
		t.say("--admin-key is ignored, %s", from)
	case t.key != "":
		t.say("process lists show --admin-key; %s is safer", envAdminKey)
		key = t.key
	case key == "":
		return "", lifecycle.ExitError{Code: exitAuth, Err: fmt.Errorf("no admin key: set %s or write ~/.config/miroir/credentials", envAdminKey)}
	}
	return key, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func isCharacterDevice(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
