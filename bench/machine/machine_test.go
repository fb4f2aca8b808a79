package machine

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestProcessorTimeOfANameWithSpacesAndBrackets(t *testing.T) {
	got, err := parseCPU("7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 123 45 6 7 20 0 9 0 100 1 2")
	if err != nil || got != 1680*time.Millisecond {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "7 (x) S 1", "7 (x) S 1 7 7 0 -1 4194304 100 0 0 0 a b"} {
		if _, err := parseCPU(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestMemoryLines(t *testing.T) {
	got := parseMemory("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t    20 kB\nVmRSS:\t   10 kB\nVmStk:\n")
	if got != (Memory{Resident: 10 << 10, Peak: 20 << 10}) {
		t.Errorf("%+v", got)
	}
}

func TestOwnProcessThroughItsPidFile(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "self.pid"), []byte("self\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FromPidFiles(folder); err == nil {
		t.Error("a pid file without a number is read")
	}
	me := Process{"me", os.Getpid()}
	memory, err := me.Memory()
	if err != nil || memory.Resident <= 0 || memory.Peak < memory.Resident {
		t.Errorf("%+v, %v", memory, err)
	}
	if _, err := me.CPU(); err != nil {
		t.Error(err)
	}
	if _, err := (Process{"none", -1}).CPU(); err == nil {
		t.Error("a process that does not exist has no processor time")
	}
	if d := Describe(); d.Cores < 1 || d.Go == "" {
		t.Errorf("%+v", d)
	}
}
