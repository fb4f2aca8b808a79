package free

import (
	"testing"

	"github.com/miroir-search/miroir/internal/freeport"
)

// Address is host and port of loopback.
func Address(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// URL is one of loopback.
func URL(t testing.TB) string {
	t.Helper()
	return "http://" + Address(t)
}
