package serve

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// TE-7: a payload that the gateway has no space for is refused as Meilisearch refuses what it has no space for.
func TestAFullSpoolRefusesThePayload(t *testing.T) {
	s := &Service{Log: zerolog.Nop()}
	got := s.unread(t.Context(), fmt.Errorf("spool: %w", &fs.PathError{Op: "write", Path: "spool", Err: syscall.ENOSPC}))
	if got.Status != http.StatusUnprocessableEntity || !strings.Contains(string(got.Body), `"code":"no_space_left_on_device"`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}
