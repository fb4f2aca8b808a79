package body

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

var text = []byte(`[{"id":1,"t":"` + strings.Repeat("hello ", 50) + `"}]`)

func packed(t testing.TB, encoding string, in []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "br":
		w = brotli.NewWriter(&out)
	case "zstd":
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func flipped(b []byte, at int) []byte {
	out := slices.Clone(b)
	out[(at+len(out))%len(out)] ^= 0xFF
	return out
}

// RT-7: encodings as a Meilisearch 1.50 took and refused them.
func TestRT7Encodings(t *testing.T) {
	gz, z, br, zs := packed(t, "gzip", text), packed(t, "deflate", text), packed(t, "br", text), packed(t, "zstd", text)
	twice := slices.Concat(packed(t, "gzip", text[:10]), packed(t, "gzip", text[10:]))
	for name, c := range map[string]struct {
		encoding string
		in       []byte
		out      []byte // nil: corrupt
		cause    string
	}{
		"none":              {"", text, text, ""},
		"identity":          {"identity", text, text, ""},
		"unknown":           {"foo", text, text, ""},
		"several":           {"gzip, br", text, text, ""},
		"gzip":              {"gzip", gz, text, ""},
		"upper case":        {" GZIP ", gz, text, ""},
		"x-gzip":            {"x-gzip", gz, gz, ""},
		"gzip of nothing":   {"gzip", packed(t, "gzip", nil), []byte{}, ""},
		"no gzip":           {"gzip", text, nil, causeGzip},
		"nothing":           {"gzip", nil, nil, causeGzip},
		"gzip header":       {"gzip", gz[:5], nil, causeGzip},
		"gzip cut":          {"gzip", gz[:len(gz)-10], nil, causeGzip},
		"gzip end cut":      {"gzip", gz[:len(gz)-4], nil, causeGzip},
		"gzip checksum":     {"gzip", flipped(gz, -6), nil, causeGzip},
		"gzip trailing":     {"gzip", append(slices.Clone(gz), 'x'), nil, causeTrailing},
		"gzip members":      {"gzip", twice, nil, causeTrailing},
		"deflate":           {"deflate", z, text, ""},
		"deflate cut":       {"deflate", z[:len(z)-2], text, ""},
		"deflate nothing":   {"deflate", nil, []byte{}, ""},
		"no deflate":        {"deflate", text, nil, causeDeflate},
		"deflate checksum":  {"deflate", flipped(z, -1), nil, causeDeflate},
		"deflate trailing":  {"deflate", append(slices.Clone(z), 'x'), nil, causeTrailing},
		"br":                {"br", br, text, ""},
		"br nothing":        {"br", nil, []byte{}, ""},
		"no br":             {"br", []byte(`{"q":"x"}`), nil, causeBrotli},
		"br trailing":       {"br", append(slices.Clone(br), "xx"...), nil, ""},
		"zstd":              {"zstd", zs, text, ""},
		"no zstd":           {"zstd", text, text, ""},
		"zstd cut":          {"zstd", zs[:len(zs)-3], nil, causeBrotli},
		"zstd wide window":  {"zstd", []byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8, 0, 0, 0}, nil, causeBrotli},
		"zstd of one block": {"zstd", packed(t, "zstd", []byte("{}")), []byte("{}"), ""},
	} {
		for how, src := range map[string]io.Reader{"whole": bytes.NewReader(c.in), "by bytes": iotest.OneByteReader(bytes.NewReader(c.in))} {
			got, err := io.ReadAll(New(src, c.encoding, 1<<20))
			var bad *Corrupt
			switch {
			case c.out != nil && (err != nil || !bytes.Equal(got, c.out)):
				t.Errorf("%s, %s: %q, %v", name, how, got, err)
			case c.out == nil && (!errors.As(err, &bad) || c.cause != "" && bad.Detail != c.cause):
				t.Errorf("%s, %s: %q, %v", name, how, got, err)
			}
		}
	}
}

// IN-7: the limit counts what a body decodes to, and a body of just the limit passes.
func TestIN7Limit(t *testing.T) {
	for _, encoding := range []string{"", "gzip", "deflate", "br", "zstd"} {
		in := text
		if encoding != "" {
			in = packed(t, encoding, text)
		}
		if got, err := io.ReadAll(New(bytes.NewReader(in), encoding, int64(len(text)))); err != nil || len(got) != len(text) {
			t.Errorf("%q: %d bytes, %v", encoding, len(got), err)
		}
		if got, err := io.ReadAll(New(bytes.NewReader(in), encoding, int64(len(text))-1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q: %d bytes, %v", encoding, len(got), err)
		}
	}
}

// An error of the connection is told from one of the encoding.
func TestConnectionErrors(t *testing.T) {
	gone := errors.New("gone")
	for _, encoding := range []string{"", "gzip", "deflate", "br", "zstd"} {
		in := text
		if encoding != "" {
			in = packed(t, encoding, text)
		}
		for _, n := range []int{0, 3, len(in) - 1} {
			r := New(io.MultiReader(bytes.NewReader(in[:n]), iotest.ErrReader(gone)), encoding, 1<<20)
			if _, err := io.ReadAll(r); !errors.Is(err, gone) {
				t.Errorf("%q after %d bytes: %v", encoding, n, err)
			}
			if _, err := r.Read(make([]byte, 1)); !errors.Is(err, gone) {
				t.Errorf("%q is read on: %v", encoding, err)
			}
		}
	}
}

// Whatever comes in, reading ends, and bounded.
func FuzzEncodings(f *testing.F) {
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd"} {
		f.Add(encoding, packed(f, encoding, text))
	}
	f.Fuzz(func(t *testing.T, encoding string, in []byte) {
		got, err := io.ReadAll(New(bytes.NewReader(in), encoding, 10_000))
		if len(got) > 10_000 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}
