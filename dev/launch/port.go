package launch

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// PortOf is the address that the cluster in a data folder has chosen for a purpose, host:port. It is an error as long as it has
// chosen none.
func PortOf(folder, purpose string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "run", "ports.json"))
	if err != nil {
		return "", fmt.Errorf("port of %s: %w", purpose, err)
	}
	var ports map[string]int
	if err := json.Unmarshal(raw, &ports); err != nil {
		return "", fmt.Errorf("port of %s: %w", purpose, err)
	}
	if ports[purpose] == 0 {
		return "", fmt.Errorf("port of %s: none was chosen", purpose)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[purpose])), nil
}
