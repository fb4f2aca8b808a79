package usage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// clockTicks is USER_HZ of Linux, in which /proc counts CPU time.
const clockTicks = 100

// Usage is what a process used until now.
type Usage struct {
	CPU    float64 // seconds
	Memory int64   // bytes that are resident now
	Peak   int64   // bytes that were resident at most
}

// Of reads the usage of a process by its number.
func Of(number int) (u Usage, err error) {
	folder := "/proc/" + strconv.Itoa(number)
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return u, fmt.Errorf("usage: %w", err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return u, fmt.Errorf("usage: %s/stat has %d fields", folder, len(fields))
	}
	for _, f := range fields[11:13] { // utime, stime
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return u, fmt.Errorf("usage: %w", err)
		}
		u.CPU += ticks / clockTicks
	}
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return u, fmt.Errorf("usage: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		for name, to := range map[string]*int64{"VmRSS:": &u.Memory, "VmHWM:": &u.Peak} {
			if kb, ok := strings.CutPrefix(line, name); ok {
				n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
				if err != nil {
					return u, fmt.Errorf("usage: %w", err)
				}
				*to = n << 10
			}
		}
	}
	return u, nil
}
