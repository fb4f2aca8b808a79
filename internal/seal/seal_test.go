package seal

import (
	"errors"
	"strings"
	"testing"
)

func box(t *testing.T, secrets ...string) *Box {
	t.Helper()
	b, err := New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ET-6: a seal says nothing of the secret, and opens with its key and at its place only.
func TestET6ASealOpensWithItsKeyAtItsPlace(t *testing.T) {
	b := box(t, "the first key of all")
	sealed := b.Seal("settings/a--0", []byte("sk-secret"))
	if strings.Contains(sealed, "secret") || !Sealed(sealed) || sealed == b.Seal("settings/a--0", []byte("sk-secret")) {
		t.Errorf("%s", sealed)
	}
	if secret, err := b.Open("settings/a--0", sealed); err != nil || string(secret) != "sk-secret" {
		t.Errorf("%q %v", secret, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another place":  func() ([]byte, error) { return b.Open("settings/b--0", sealed) },
		"another key":    func() ([]byte, error) { return box(t, "another key").Open("settings/a--0", sealed) },
		"another text":   func() ([]byte, error) { return b.Open("settings/a--0", sealed[:len(sealed)-2]+"AA") },
		"too short":      func() ([]byte, error) { return b.Open("settings/a--0", sealed[:30]) },
		"no base64":      func() ([]byte, error) { return b.Open("settings/a--0", sealed+"!") },
		"no seal at all": func() ([]byte, error) { return b.Open("settings/a--0", "sk-secret") },
		"nothing":        func() ([]byte, error) { return b.Open("settings/a--0", "") },
	} {
		if secret, err := open(); !errors.Is(err, ErrNotOpened) || secret != nil {
			t.Errorf("%s: %q %v", name, secret, err)
		}
	}
	if _, err := New(); err == nil {
		t.Error("a box without keys")
	}
	if _, err := New(""); err == nil {
		t.Error("an empty key")
	}
}

// SE-1, ET-6: keys can be changed while everything runs: whoever has the new key beside the old one opens both, and what the
// old one sealed is told from what the new one did.
func TestKeysAreChanged(t *testing.T) {
	settings := []byte(`{"embedders":{"e":{"apiKey":"sk-secret"}}}`)
	place := SettingsPlace("a--0")
	before, during, after := box(t, "the old key"), box(t, "the new key", "the old key"), box(t, "the new key")
	old := before.Settings(place, settings)
	if before.Outdated(old) || !during.Outdated(old) || !before.Outdated(settings) || before.Outdated([]byte(`{"stopWords":[]}`)) {
		t.Error("outdated seals are not told")
	}
	if _, err := after.Move(place, place, old); !errors.Is(err, ErrNotOpened) {
		t.Errorf("%v", err)
	}
	fresh, err := during.Move(place, place, old)
	if err != nil || during.Outdated(fresh) {
		t.Fatalf("%s %v", fresh, err)
	}
	if got, err := after.OpenSettings(place, fresh); err != nil || string(got) != string(settings) {
		t.Errorf("%s %v", got, err)
	}
}

// ET-6: whatever may be a secret is sealed, and everything else can be read.
func TestET6SecretsOfSettingsAreSealed(t *testing.T) {
	b := box(t, "the first key of all")
	place := TaskPlace(7)
	for _, c := range []struct{ name, settings, readable string }{
		{"key", `{"stopWords":["the"],"embedders":{"e":{"source":"openAi","apiKey":"sk-secret"},"f":null}}`, `"stopWords":["the"]`},
		{"headers", `{"embedders":{"e":{"source":"rest","headers":{"Authorization":"Bearer sk-secret","X":"sk-secret"}}}}`, `"Authorization":`},
		{"composite", `{"embedders":{"e":{"searchEmbedder":{"apiKey":"sk-secret"},"indexingEmbedder":{"headers":{"a":"sk-secret"}}}}}`, `"searchEmbedder":`},
		{"key of another type", `{"embedders":{"e":{"apiKey":{"in":["sk-secret"]}}}}`, `"apiKey":`},
		{"headers of another type", `{"embedders":{"e":{"headers":["sk-secret"]}}}`, `"headers":`},
		{"embedder of another type", `{"embedders":{"apiKey":"sk-secret"}}`, `"apiKey":`},
		{"embedders of another type", `{"embedders":["sk-secret"]}`, `"embedders":`},
		{"escaped names", `{"emb\u0065dders":{"e":{"api\u004bey":"sk-secret"}}}`, `"apiKey":`},
		{"repeated", `{"embedders":{"e":{"apiKey":"one","apiKey":"sk-secret"}}}`, `"apiKey":`},
		{"a seal of somebody else", `{"embedders":{"e":{"apiKey":"sealed.v1.00000000.sk-secret"}}}`, `"apiKey":`},
	} {
		sealed := string(b.Settings(place, []byte(c.settings)))
		if strings.Contains(sealed, "secret") || !strings.Contains(sealed, c.readable) {
			t.Errorf("%s: %s", c.name, sealed)
		}
		opened, err := b.OpenSettings(place, []byte(sealed))
		want := strings.NewReplacer(`\u0065`, "e", `\u004b`, "K", `"apiKey":"one",`, "").Replace(c.settings)
		if err != nil || string(opened) != want {
			t.Errorf("%s: %s, want %s (%v)", c.name, opened, want, err)
		}
		lost, err := box(t, "another key").OpenSettings(place, []byte(sealed))
		if !errors.Is(err, ErrNotOpened) || strings.Contains(string(lost), prefix) {
			t.Errorf("%s without the key: %s %v", c.name, lost, err)
		}
	}
	for _, plain := range []string{``, `null`, `{}`, `[1]`, `{"stopWords":["embedders"]}`, `{"embedders":{}}`, `{"embedders":null}`,
		`{"embedders":{"e":{"source":"userProvided","dimensions":2,"apiKey":null}}}`, `{"embedders":{"e":{"apiKey":"sk-prXXXXXX..."}}}`, `{"a":`} {
		if got := b.Settings(place, []byte(plain)); string(got) != plain {
			t.Errorf("%s became %s", plain, got)
		}
	}
}

func TestKeysComeFromTheEnvironment(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	open := func(getenv func(string) string) *Box {
		t.Helper()
		b, err := FromEnvironment(getenv, "the node key")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	plain := open(env())
	own := open(env(EnvKey, "the state seal key"))
	if secret, err := own.Open("x", plain.Seal("x", []byte("1"))); err != nil || string(secret) != "1" {
		t.Errorf("what the node key sealed: %v", err)
	}
	if _, err := plain.Open("x", own.Seal("x", []byte("1"))); err == nil {
		t.Error("the node key opens what the seal key sealed")
	}
	two := open(env(EnvKey, "the-second-seal-key", EnvPrevious, "some-other-old-key\nthe-state-seal-key-1"))
	if _, err := two.Open("x", open(env(EnvKey, "the-state-seal-key-1")).Seal("x", []byte("1"))); err != nil {
		t.Errorf("the last of the previous keys: %v", err)
	}
	for _, bad := range []func(string) string{env(EnvKey, "short"), env(EnvPrevious, "long-enough-for-all short")} {
		if b, err := FromEnvironment(bad, "the node key"); err == nil {
			t.Errorf("%v", b)
		}
	}
}
