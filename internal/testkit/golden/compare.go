package golden

import (
	"fmt"
	"strings"

	"github.com/miroir-search/miroir/internal/testkit/jsondiff"
)

// Difference is one place where an answer is not as recorded. Path is a JSON pointer below /status, /body or /task.
type Difference struct {
	File string `json:"file"`
	N    int    `json:"n"`
	Path string `json:"path"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %d %s: want %s, got %s", d.File, d.N, d.Path, short(d.Want), short(d.Got))
}

func short(value string) string {
	const most = 300
	if len(value) > most {
		return value[:most] + "…"
	}
	return value
}

// compare collects the differences between two values, each with its path below base.
func compare(base string, want, got any, report func(path, want, got string)) {
	jsondiff.Comparison{
		Volatile: volatile,
		Report:   func(path string, want, got any) { report(path, jsondiff.Show(want), jsondiff.Show(got)) },
	}.Values(base, want, got)
}

// alwaysVolatile are members that say when, where, how long or by which build, never what.
var alwaysVolatile = map[string]bool{
	"enqueuedAt": true, "startedAt": true, "finishedAt": true, "createdAt": true, "updatedAt": true, "lastUpdate": true,
	"duration": true, "processingTimeMs": true, "requestUid": true,
	"rawDocumentDbSize": true, "avgDocumentSize": true, "databaseSize": true, "usedDatabaseSize": true,
	"commitSha": true, "commitDate": true,
	"progressTrace": true, "writeChannelCongestion": true, "internalDatabaseSizes": true,
}

// volatile says whether a member of this object is compared by kind only.
func volatile(key string, object map[string]any) bool {
	if alwaysVolatile[key] {
		return true
	}
	// Keys made at the first start have random uids, from which their values are derived.
	return (key == "uid" || key == "key") && defaultKey(object)
}

func defaultKey(object map[string]any) bool {
	name, _ := object["name"].(string)
	_, actions := object["actions"]
	return actions && strings.HasPrefix(name, "Default ")
}
