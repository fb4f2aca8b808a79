package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrNotOpened says that a seal was made with a key that the box does not have, for another place, or by nobody.
var ErrNotOpened = errors.New("a sealed secret can not be opened")

const (
	prefix = "sealed.v1."
	info   = "miroir state seal v1" // names the use, so that no other key of the same secret is this one
)

// Box seals and opens. It is immutable and safe for concurrent use.
type Box struct {
	current string // fingerprint of the key that seals
	keys    map[string]cipher.AEAD
}

// New makes a box of secrets: the first seals, all open. Each becomes a key by HKDF-SHA256 (RFC 5869)
// for XChaCha20-Poly1305; its fingerprint is the first 8 hexadecimal digits of the key's SHA-256.
func New(secrets ...string) (*Box, error) {
	b := &Box{keys: make(map[string]cipher.AEAD, len(secrets))}
	for _, s := range secrets {
		if s == "" {
			return nil, errors.New("empty seal key")
		}
		key, err := hkdf.Key(sha256.New, []byte(s), nil, info, chacha20poly1305.KeySize)
		if err != nil {
			return nil, fmt.Errorf("derive seal key: %w", err)
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, fmt.Errorf("seal key: %w", err)
		}
		sum := sha256.Sum256(key)
		id := hex.EncodeToString(sum[:4])
		b.keys[id] = aead
		if b.current == "" {
			b.current = id
		}
	}
	if b.current == "" {
		return nil, errors.New("no seal key")
	}
	return b, nil
}

// Seal writes a secret for one place, such as "settings/movies--0". The result is plain ASCII, and another one each time.
func (b *Box) Seal(place string, secret []byte) string {
	aead := b.keys[b.current]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return prefix + b.current + "." + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, secret, []byte(place)))
}

// Open reads what Seal wrote for the same place. ErrNotOpened when it can not.
func (b *Box) Open(place, sealed string) ([]byte, error) {
	id, text, ok := parse(sealed)
	aead := b.keys[id]
	if !ok || aead == nil {
		return nil, ErrNotOpened
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < aead.NonceSize() {
		return nil, ErrNotOpened
	}
	secret, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(place))
	if err != nil {
		return nil, ErrNotOpened
	}
	return secret, nil
}

// Current says whether a seal was made with the key that seals now.
func (b *Box) Current(sealed string) bool {
	id, _, ok := parse(sealed)
	return ok && id == b.current
}

// Fingerprint is that of the key that seals.
func (b *Box) Fingerprint() string { return b.current }

// Sealed says whether a text has the form of a seal.
func Sealed(text string) bool {
	_, _, ok := parse(text)
	return ok
}

func parse(sealed string) (id, text string, ok bool) {
	rest, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}
