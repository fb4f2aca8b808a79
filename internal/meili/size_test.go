package meili

import (
	"math/rand/v2"
	"testing"
)

func TestSizesReadAsTheyAreWritten(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 KB", 1024: "1 KiB", 45056: "44 KiB", 1 << 20: "1 MiB", 1_000_000: "1 MB", 3 << 30: "3 GiB", 1536: "1.5 KiB",
	} {
		if got := FormatSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1.023 KB", 1024: "1 KiB", 1500: "1.5 KB", 100 << 20: "100 MiB", 129_380_330: "129.38033 MB"} {
		if got := limitSize(n); got != want {
			t.Errorf("limit of %d: %s, want %s", n, got, want)
		}
	}
	for range 1000 {
		n := rand.Int64N(1 << 45)
		if got := ParseSize(FormatSize(n)); got != n {
			t.Errorf("%d: %s reads as %d", n, FormatSize(n), got)
		}
	}
	for _, bad := range []string{"", "x", "1", "1 X", "-1 B", "NaN B", "1e300 TiB"} {
		if got := ParseSize(bad); got != 0 {
			t.Errorf("%q: %d", bad, got)
		}
	}
}
