package pause

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A paused process stands still and runs again, and in the end it runs for good; one that is gone is told.
func TestAProcessStandsStillAndRunsAgain(t *testing.T) {
	child := exec.Command("cat")
	in, errIn := child.StdinPipe()
	out, errOut := child.StdoutPipe()
	if err := child.Start(); err != nil || errIn != nil || errOut != nil {
		t.Fatal(err, errIn, errOut)
	}
	state := func() string {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(child.Process.Pid) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		return string(raw[strings.LastIndexByte(string(raw), ')')+2])
	}
	until := func(want bool) {
		again := time.NewTicker(time.Millisecond)
		defer again.Stop()
		for (state() == "T") != want {
			select {
			case <-again.C:
			case <-t.Context().Done():
				t.Fatal("the test ended before")
			}
		}
	}
	end := Rhythm{For: 5 * time.Millisecond, Every: 10 * time.Millisecond}.Begin(t.Context(), child.Process.Pid)
	for range 3 {
		until(true)
		until(false)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	lines := bufio.NewReader(out)
	if _, err := io.WriteString(in, "alive\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := lines.ReadString('\n'); line != "alive\n" || err != nil {
		t.Errorf("%q %v", line, err)
	}
	if err := (Rhythm{}).Begin(t.Context(), child.Process.Pid)(); err != nil {
		t.Error(err)
	}
	_ = in.Close()
	_ = child.Wait()
	if err := (Rhythm{For: time.Nanosecond, Every: time.Minute}).Begin(t.Context(), child.Process.Pid)(); err == nil {
		t.Error("a process that is gone was paused")
	}
}
