package meili

import "testing"

// Recorded from Meilisearch 1.50.
func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1357: "1.33 KiB", 2040: "1.99 KiB", 4088: "3.99 KiB", 4096: "4 KiB", 28672: "28 KiB", 81920: "80 KiB", 311296: "304 KiB",
		2220032: "2.12 MiB", 3948544: "3.77 MiB",
	} {
		if got := HumanSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// RT-7: the words of Meilisearch 1.50.
func TestStatsParameters(t *testing.T) {
	for query, want := range map[string]string{
		"sizeFormat=x":                "Unknown value `x` for parameter `sizeFormat`: expected one of `human`, `raw`",
		"showInternalDatabaseSizes=x": "Invalid value in parameter `showInternalDatabaseSizes`: could not parse `x` as a boolean, expected either `true` or `false`",
		"unknown=1":                   "Unknown parameter `unknown`: expected one of `showInternalDatabaseSizes`, `sizeFormat`",
	} {
		if _, e := ParseStatsParameters(query); e == nil || e.Message != want {
			t.Errorf("%s: %v, want %s", query, e, want)
		}
	}
	got, e := ParseStatsParameters("showInternalDatabaseSizes=true&sizeFormat=human")
	if e != nil || got != (StatsParameters{Internal: true, Human: true}) {
		t.Errorf("%+v %v", got, e)
	}
}
