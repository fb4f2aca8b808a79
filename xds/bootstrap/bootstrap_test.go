package bootstrap

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

func options() Options {
	return Options{
		NodeID: "envoy-0", Cluster: "default", AdminAddress: "127.0.0.1:9901",
		XDSAddresses: []string{"coordinator-0.coordinator:18000", "coordinator-1.coordinator:18000"},
	}
}

func TestGolden(t *testing.T) {
	const golden = "testdata/bootstrap.yaml"
	got, err := Render(options())
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v; run with -rewrite", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("bootstrap differs from %s:\n%s", golden, got)
	}
	for range 20 {
		if again, err := Render(options()); err != nil || !bytes.Equal(got, again) {
			t.Fatalf("the same options gave other bytes: %v", err)
		}
	}
}

// What is rendered reads back as a bootstrap, and Envoy waits for its first snapshot without end.
func TestReadsBack(t *testing.T) {
	text, err := Render(options())
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	config := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(asJSON, config); err != nil {
		t.Fatal(err)
	}
	for _, source := range []*corev3.ConfigSource{config.GetDynamicResources().GetCdsConfig(), config.GetDynamicResources().GetLdsConfig()} {
		if source.GetInitialFetchTimeout() == nil || source.GetInitialFetchTimeout().AsDuration() != 0 {
			t.Error("envoy would call itself ready without a snapshot")
		}
	}
	if config.GetNode().GetId() != "envoy-0" || config.GetNode().GetCluster() != "default" {
		t.Errorf("node %v", config.GetNode())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	cases := map[string]func(*Options){
		"no node":          func(o *Options) { o.NodeID = "" },
		"no cluster":       func(o *Options) { o.Cluster = "" },
		"no xds":           func(o *Options) { o.XDSAddresses = nil },
		"xds twice":        func(o *Options) { o.XDSAddresses = []string{"c:1", "c:1"} },
		"xds without port": func(o *Options) { o.XDSAddresses = []string{"c"} },
		"admin reachable":  func(o *Options) { o.AdminAddress = "0.0.0.0:9901" },
		"admin by name":    func(o *Options) { o.AdminAddress = "localhost:9901" },
		"no admin":         func(o *Options) { o.AdminAddress = "" },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			o := options()
			change(&o)
			if _, err := Render(o); !errors.Is(err, ErrOptions) {
				t.Fatalf("error %v, want ErrOptions", err)
			}
		})
	}
}
