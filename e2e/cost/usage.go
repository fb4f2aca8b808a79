package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// clockTicks is USER_HZ of Linux, in which /proc counts CPU time.
const clockTicks = 100

// usage is what the first node's processes used until now: seconds of CPU, and bytes of memory at most.
type usage struct {
	engine, sidecar float64
	memory          int64
}

func (s *scene) usage() (u usage, err error) {
	if u.engine, _, err = s.process("engine-0"); err == nil {
		u.sidecar, u.memory, err = s.process("sidecar-0")
	}
	return u, err
}

// process reads /proc of a process of the cluster.
func (s *scene) process(name string) (cpu float64, memory int64, err error) {
	number, err := s.Pid(name)
	if err != nil {
		return 0, 0, err
	}
	pid := strconv.Itoa(number)
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, 0, fmt.Errorf("/proc/%s/stat has %d fields", pid, len(fields))
	}
	for _, f := range fields[11:13] { // utime, stime
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu += ticks / clockTicks
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			memory, err = strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
		}
	}
	return cpu, memory << 10, err
}
