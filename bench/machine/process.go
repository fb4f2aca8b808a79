package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a running process.
type Process struct {
	Name string
	Pid  int
}

// FromPidFiles finds the processes of all NAME.pid files in a folder.
func FromPidFiles(folder string) ([]Process, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.pid"))
	if err != nil {
		return nil, fmt.Errorf("pid files: %w", err)
	}
	var list []Process
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("pid files: %w", err)
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(raw)), " ")
		pid, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("pid file %s: %w", path, err)
		}
		list = append(list, Process{strings.TrimSuffix(filepath.Base(path), ".pid"), pid})
	}
	return list, nil
}

// tick is the unit of processor time in /proc: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = time.Second / 100

// CPU is the processor time that the process has used so far, in user and kernel mode together, in steps of 10 ms. The
// fields are those of proc(5): utime and stime stand at places 14 and 15, the second place is a name in brackets.
func (p Process) CPU() (time.Duration, error) {
	raw, err := os.ReadFile(p.path("stat"))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.Name, err)
	}
	return parseCPU(string(raw))
}

func parseCPU(stat string) (time.Duration, error) {
	const utime, stime = 14 - 3, 15 - 3 // the first field after the name is the third
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= stime {
		return 0, fmt.Errorf("processor time: %q is no line of /proc/PID/stat", stat)
	}
	var ticks int64
	for _, at := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Memory is what the process holds of the machine's memory.
type Memory struct {
	Resident int64 // bytes now
	Peak     int64 // most bytes since the start, or since ResetPeak
}

// Memory reads VmRSS and VmHWM.
func (p Process) Memory() (Memory, error) {
	raw, err := os.ReadFile(p.path("status"))
	if err != nil {
		return Memory{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	return parseMemory(string(raw)), nil
}

func parseMemory(status string) (m Memory) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			m.Resident = kib << 10
		case "VmHWM":
			m.Peak = kib << 10
		}
	}
	return m
}

// ResetPeak makes what is resident now the peak.
func (p Process) ResetPeak() error {
	const peakOnly = "5" // proc(5), clear_refs
	if err := os.WriteFile(p.path("clear_refs"), []byte(peakOnly), 0); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}

func (p Process) path(file string) string { return filepath.Join("/proc", strconv.Itoa(p.Pid), file) }
