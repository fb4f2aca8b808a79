package meili

import (
	"math"
	"strconv"

	"github.com/miroir-search/miroir/internal/apierr"
)

// StatsParameters are the query parameters of the two statistics routes.
type StatsParameters struct {
	Internal bool // the sizes of an index's internal databases are shown, too
	Human    bool // sizes are texts for people, for instance "1.33 KiB"
}

// ParseStatsParameters reads the query string of GET /stats and GET /indexes/{uid}/stats.
func ParseStatsParameters(query string) (StatsParameters, *apierr.Error) {
	var out StatsParameters
	e := readQuery(query, []string{"showInternalDatabaseSizes", "sizeFormat"}, func(p parameter) (e *apierr.Error) {
		switch p.name {
		case "showInternalDatabaseSizes":
			out.Internal, e = p.boolean(apierr.InvalidStatsShowInternalDatabaseSizes)
		case "sizeFormat":
			switch p.value {
			case "human", "raw":
				out.Human = p.value == "human"
			default:
				e = p.place(apierr.InvalidStatsSizeFormat).unknownValue(p.value, []string{"human", "raw"})
			}
		}
		return e
	})
	return out, e
}

// HumanSize writes a number of bytes as statistics show it to people: in the largest binary unit that fits, with two decimals at most.
func HumanSize(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	size, unit := float64(n), 0
	for ; size >= 1024 && unit < len(units)-1; unit++ {
		size /= 1024
	}
	return strconv.FormatFloat(math.Round(size*100)/100, 'f', -1, 64) + " " + units[unit]
}
