package coordinator

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/miroir-search/miroir/internal/lifecycle"
)

func quiet() lifecycle.Stdio { return lifecycle.Stdio{Out: io.Discard, Err: io.Discard} }

func keys(t *testing.T) {
	t.Helper()
	t.Setenv(envNodeKey, "node key of a test")
	t.Setenv(envAdminKey, "admin key of a test")
	t.Setenv(envMasterKey, "master key of a test")
}

func TestConfigReportsEverythingAtOnce(t *testing.T) {
	for _, name := range []string{envNodeKey, envAdminKey, envMasterKey} {
		t.Setenv(name, "")
	}
	_, err := readConfig([]string{
		"--id", "A", "--ingress-listen", "localhost:1", "--admin-listen", "x", "--groups", "0", "--replicas", "9", "--shards", "5000",
		"--admin-advertise", "y",
	}, quiet())
	if !errors.Is(err, lifecycle.ErrUsage) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{
		"--id", "--etcd", "--ingress-listen", "--admin-listen", "--admin-advertise", "--extproc-socket", "--groups", "--replicas", "--shards",
		envNodeKey, envAdminKey,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not told: %v", part, err)
		}
	}
	keys(t)
	if _, err := readConfig([]string{"--etcd", "http://x", "--extproc-socket", "/s", "--groups", "16", "--replicas", "5", "--shards", "4096"}, quiet()); err == nil {
		t.Error("more copies than can be placed were accepted")
	}
	var help bytes.Buffer
	if _, err := readConfig([]string{"--help"}, lifecycle.Stdio{Out: io.Discard, Err: &help}); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-xds-listen") {
		t.Errorf("help: %v", err)
	}
}

func TestConfigOfASmallCluster(t *testing.T) {
	keys(t)
	args := []string{"--etcd", "http://a:1, http://b:1,", "--extproc-socket", "/run/s", "--admin-listen", "127.0.0.1:9"}
	c, err := readConfig(args, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.etcd) != 2 || c.shape.Groups != 1 || c.shape.Shards != 64 || len(c.advertise) != 1 || c.advertise[0] != "127.0.0.1:9" ||
		c.adminKey != "admin key of a test" {
		t.Errorf("%+v", c)
	}
	t.Setenv(envAdminKey, "")
	if c, err = readConfig(args, quiet()); err != nil || c.adminKey != "master key of a test" {
		t.Errorf("without an admin key: %v", err)
	}
}

func TestRunTellsBusyAddressesBeforeAnythingElse(t *testing.T) {
	keys(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	at := busy.Addr().String()
	err = Run(t.Context(), []string{
		"--etcd", "http://127.0.0.1:1", "--extproc-socket", "/run/s", "--admin-listen", at, "--xds-listen", at, "--metrics-listen", "127.0.0.1:0",
	}, quiet())
	if err == nil || !strings.Contains(err.Error(), "listen for admin") || !strings.Contains(err.Error(), "listen for xds") {
		t.Fatalf("got %v", err)
	}
	if err := Run(t.Context(), nil, quiet()); !errors.Is(err, lifecycle.ErrUsage) {
		t.Fatalf("no flags: %v", err)
	}
}
