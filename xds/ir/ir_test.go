package ir

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func valid() Config {
	cfg := Default()
	cfg.Gateway.SocketPaths = []string{"/run/miroir/extproc.sock"}
	cfg.Admin.Addresses = []string{"coordinator-0:7710"}
	cfg.Nodes = []Node{{ID: "node-0", Address: "10.0.0.1:7701"}, {ID: "node-1", Address: "[fd00::1]:7701"}}
	return cfg
}

func TestDefaultsAreValid(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Fatal(err)
	}
	empty := Default()
	empty.Gateway.SocketPaths = []string{"/s"}
	if err := empty.Validate(); err != nil {
		t.Fatalf("a cluster without nodes and coordinators: %v", err)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		change func(*Config)
		want   string
	}{
		"ingress host name":     {func(c *Config) { c.Ingress.Address = "localhost" }, "not an ip address"},
		"no ingress port":       {func(c *Config) { c.Ingress.Port = 0 }, "port is 0"},
		"too many hops":         {func(c *Config) { c.Ingress.TrustedHops = 17 }, "16 hops"},
		"relative docs":         {func(c *Config) { c.Ingress.ErrorDocs = "/errors" }, "absolute url"},
		"docs with directive":   {func(c *Config) { c.Ingress.ErrorDocs = "https://x/%20" }, "absolute url"},
		"unknown access log":    {func(c *Config) { c.Ingress.AccessLog = "file" }, "unknown"},
		"relative socket":       {func(c *Config) { c.Gateway.SocketPaths = []string{"s"} }, "absolute path"},
		"socket twice":          {func(c *Config) { c.Gateway.SocketPaths = []string{"/s", "/s"} }, "listed twice"},
		"long socket":           {func(c *Config) { c.Gateway.SocketPaths = []string{"/" + strings.Repeat("a", 107)} }, "107 bytes"},
		"coordinator port":      {func(c *Config) { c.Admin.Addresses = []string{"c"} }, "host:port"},
		"coordinator twice":     {func(c *Config) { c.Admin.Addresses = []string{"c:1", "c:1"} }, "twice"},
		"node id":               {func(c *Config) { c.Nodes[0].ID = "a/b" }, "malformed"},
		"node twice":            {func(c *Config) { c.Nodes[1].ID = "node-0" }, "twice"},
		"paired id":             {func(c *Config) { c.Paired = []string{"a,b"} }, "paired node id"},
		"paired twice":          {func(c *Config) { c.Paired = []string{"a", "a"} }, "paired twice"},
		"node port":             {func(c *Config) { c.Nodes[0].Address = "h:0" }, "valid port"},
		"node host":             {func(c *Config) { c.Nodes[0].Address = ":7701" }, "no host"},
		"health interval":       {func(c *Config) { c.HealthCheck.Interval = 0 }, "too short"},
		"health threshold":      {func(c *Config) { c.HealthCheck.HealthyThreshold = 0 }, "threshold"},
		"cors age":              {func(c *Config) { c.CORS.MaxAge = time.Millisecond }, "seconds"},
		"compression":           {func(c *Config) { c.Compression.MinBytes = 1 }, "30 bytes"},
		"timeout":               {func(c *Config) { c.Timeouts.StreamIdle = 0 }, "stream idle"},
		"body limit":            {func(c *Config) { c.Limits.MaxBodyBytes = 0 }, "body bytes"},
		"buffer":                {func(c *Config) { c.Limits.BufferBytes = 1 }, "buffer"},
		"header limit of Envoy": {func(c *Config) { c.Limits.HeaderKiB = 9000 }, "8192"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := valid()
			c.change(&cfg)
			err := cfg.Validate()
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one about %q", err, c.want)
			}
		})
	}
}

func TestValidateNamesEverythingAtOnce(t *testing.T) {
	err := Config{}.Validate()
	for _, want := range []string{"ip address", "port is 0", "no socket", "health check", "stream idle", "header count"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not mention %q", err, want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	cases := map[string]Endpoint{
		"10.0.0.1:7701":         {Host: "10.0.0.1", Port: 7701, Literal: true},
		"[fd00::1]:1":           {Host: "fd00::1", Port: 1, Literal: true},
		"[::ffff:10.0.0.1]:80":  {Host: "10.0.0.1", Port: 80, Literal: true},
		"node-0.nodes.svc:7701": {Host: "node-0.nodes.svc", Port: 7701},
	}
	for address, want := range cases {
		got, err := ParseEndpoint(address)
		if err != nil || got != want {
			t.Errorf("ParseEndpoint(%q) = %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{"", "h", "h:", "h:x", "h:65536", ":1", "h:-1"} {
		if _, err := ParseEndpoint(address); err == nil {
			t.Errorf("ParseEndpoint(%q) takes it", address)
		}
	}
}

func TestAddressOf(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:7701": "127.0.0.1:7701", "http://node-0.nodes:7701/": "node-0.nodes:7701",
		"http://node-0": "node-0:80", "http://[fd00::1]:7701": "[fd00::1]:7701",
	} {
		if got, err := AddressOf(raw); err != nil || got != want {
			t.Errorf("AddressOf(%q) = %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"https://x:1", "x:1", "", "http://", "http://a b"} {
		if _, err := AddressOf(raw); err == nil {
			t.Errorf("AddressOf(%q) takes it", raw)
		}
	}
	if _, err := AddressOf("https://user:secret@x"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v shows the password of a url", err)
	}
}
