package key

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Value derives a key's value: the lower-case hexadecimal HMAC-SHA256 of the hyphenated lower-case uid under the master
// key (AU-11). It is a secret.
func Value(masterKey, uid string) string {
	mac := hmac.New(sha256.New, []byte(masterKey))
	_, _ = mac.Write([]byte(uid)) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}
