package machine

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Description says where a measurement was taken.
type Description struct {
	OS       string  `json:"os"`
	Arch     string  `json:"arch"`
	Kernel   string  `json:"kernel"`
	CPU      string  `json:"cpu"`
	Cores    int     `json:"cores"`
	MemoryMB int64   `json:"memoryMB"`
	Load     float64 `json:"loadAverage"` // of the last minute, at the start
	Go       string  `json:"go"`
}

// Describe reads what can be read; the rest stays empty.
func Describe() Description {
	d := Description{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	d.Kernel = strings.TrimSpace(read("/proc/sys/kernel/osrelease"))
	d.CPU = field(read("/proc/cpuinfo"), "model name")
	kib, _, _ := strings.Cut(field(read("/proc/meminfo"), "MemTotal"), " ")
	if n, err := strconv.ParseInt(kib, 10, 64); err == nil {
		d.MemoryMB = n >> 10
	}
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	if n, err := strconv.ParseFloat(load, 64); err == nil {
		d.Load = n
	}
	return d
}

func read(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(raw)
}

// field is the value of the first line "name : value".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
