package seal

import (
	"fmt"
	"strings"
)

// Names of the environment variables that carry secrets.
const (
	EnvKey      = "MIROIR_STATE_SEAL_KEY"
	EnvPrevious = "MIROIR_STATE_SEAL_KEY_PREVIOUS" // opens beside it while it is being changed; several are separated by spaces
)

// minKey is the least length of these keys in bytes.
const minKey = 16

// FromEnvironment makes the box of a process. nodeKey is the key that all processes of the cluster have: it opens always,
// and seals where no key is set.
func FromEnvironment(getenv func(string) string, nodeKey string) (*Box, error) {
	var secrets []string
	if key := getenv(EnvKey); key != "" {
		secrets = append(secrets, key)
	}
	previous := strings.Fields(getenv(EnvPrevious))
	for _, key := range append(secrets, previous...) {
		if len(key) < minKey {
			return nil, fmt.Errorf("every key of %s and %s needs at least %d bytes", EnvKey, EnvPrevious, minKey)
		}
	}
	if len(secrets) == 0 {
		secrets = append(secrets, nodeKey)
	}
	return New(append(append(secrets, previous...), nodeKey)...)
}
