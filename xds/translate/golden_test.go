package translate

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"github.com/miroir-search/miroir/xds/ir"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/out anew and delete what has no input")

// TestGolden holds every byte that leaves for a configuration (never 5: no map order in xDS).
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/in/*.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	expected := map[string]bool{}
	for _, in := range inputs {
		out := filepath.Join("testdata/out", filepath.Base(in))
		expected[out] = true
		t.Run(strings.TrimSuffix(filepath.Base(in), ".yaml"), func(t *testing.T) {
			cfg := readConfig(t, in)
			got := render(t, cfg)
			if *rewrite {
				if err := os.WriteFile(out, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatalf("%v; run with -rewrite", err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; look at it after go test ./xds/translate -rewrite", out)
			}
			for range 20 {
				rand.Shuffle(len(cfg.Nodes), func(i, j int) { cfg.Nodes[i], cfg.Nodes[j] = cfg.Nodes[j], cfg.Nodes[i] })
				rand.Shuffle(len(cfg.Paired), func(i, j int) { cfg.Paired[i], cfg.Paired[j] = cfg.Paired[j], cfg.Paired[i] })
				rand.Shuffle(len(cfg.Admin.Addresses), func(i, j int) {
					a := cfg.Admin.Addresses
					a[i], a[j] = a[j], a[i]
				})
				if !bytes.Equal(wire(t, cfg), wire(t, readConfig(t, in))) {
					t.Fatal("the order of nodes or coordinators reached the wire")
				}
			}
		})
	}
	removeOrphans(t, expected)
}

func removeOrphans(t *testing.T, expected map[string]bool) {
	t.Helper()
	outputs, err := filepath.Glob("testdata/out/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range outputs {
		switch {
		case expected[out]:
		case *rewrite:
			if err := os.Remove(out); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s belongs to no input; run with -rewrite", out)
		}
	}
}

func readConfig(t *testing.T, path string) ir.Config {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ir.Default()
	if err := yaml.UnmarshalStrict(text, &cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func messages(t *testing.T, cfg ir.Config) []proto.Message {
	t.Helper()
	res, err := Translate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var list []proto.Message
	for _, m := range res.Listeners {
		list = append(list, m)
	}
	for _, m := range res.Routes {
		list = append(list, m)
	}
	for _, m := range res.Clusters {
		list = append(list, m)
	}
	return list
}

// render writes the resources for people.
func render(t *testing.T, cfg ir.Config) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, m := range messages(t, cfg) {
		text, err := protojson.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := yaml.JSONToYAML(text)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n# " + string(m.ProtoReflect().Descriptor().Name()) + "\n")
		out.Write(doc)
	}
	return out.Bytes()
}

// wire is what travels, without any sorting of the test's own.
func wire(t *testing.T, cfg ir.Config) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, m := range messages(t, cfg) {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	return out.Bytes()
}
