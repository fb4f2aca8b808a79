package supervise

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// The test binary plays the children: with childVariable set, it does what the variable says instead of testing.
const (
	childVariable  = "SUPERVISE_TEST_CHILD"  // what to play
	socketVariable = "SUPERVISE_TEST_SOCKET" // where to report
	folderVariable = "SUPERVISE_TEST_FOLDER" // data folder of a played supervisor
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

// play reports its pid over the socket and keeps the connection: when it closes, the process is gone.
func play(role string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	conn, err := net.Dial("unix", os.Getenv(socketVariable))
	if err != nil {
		fmt.Println(err)
		return 9
	}
	if _, err := fmt.Fprintln(conn, os.Getpid()); err != nil {
		return 9
	}
	fmt.Println("playing", role)
	switch role {
	case "polite":
		<-term
	case "stubborn":
		select {}
	case "short":
		fmt.Println("nothing to do")
		return 3
	case "supervisor":
		folder := os.Getenv(folderVariable)
		s, err := New(Options{RunDir: filepath.Join(folder, "run"), LogDir: filepath.Join(folder, "log"), Log: zerolog.Nop()})
		if err == nil {
			err = s.Start(player("grandchild", "stubborn", os.Getenv(socketVariable)))
		}
		if err != nil {
			fmt.Println(err)
			return 9
		}
		<-term
	}
	return 0
}

func player(name, role, socket string) Process {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Process{Name: name, Path: self, Env: []string{childVariable + "=" + role, socketVariable + "=" + socket}}
}

// birth is one start of a played process.
type birth struct {
	pid  int
	gone <-chan struct{}
}

// stage listens for processes that report.
type stage struct {
	socket string
	folder string
	births chan birth
}

func newStage(t *testing.T) *stage {
	t.Helper()
	folder := t.TempDir()
	s := &stage{folder: folder, socket: filepath.Join(folder, "s"), births: make(chan birth, 100)}
	listener, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				in := bufio.NewReader(conn)
				line, err := in.ReadString('\n')
				pid, errPid := strconv.Atoi(strings.TrimSpace(line))
				if err != nil || errPid != nil {
					return
				}
				gone := make(chan struct{})
				s.births <- birth{pid, gone}
				_, _ = io.Copy(io.Discard, in)
				close(gone)
			}()
		}
	}()
	return s
}

func (s *stage) supervisor(t *testing.T, restart bool) *Supervisor {
	t.Helper()
	sup, err := New(Options{
		RunDir: filepath.Join(s.folder, "run"), LogDir: filepath.Join(s.folder, "log"),
		Restart: restart, First: time.Millisecond, Max: 4 * time.Millisecond, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sup.Close)
	return sup
}

func (s *stage) pidFile(name string) string { return filepath.Join(s.folder, "run", name+".pid") }

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, s *Supervisor, p Process) {
	t.Helper()
	if err := s.Start(p); err != nil {
		t.Fatal(err)
	}
}

func TestChildHasPidFileAndLogAndStops(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, true)
	start(t, s, player("a", "polite", st.socket))
	b := <-st.births
	if pid, err := readPid(st.pidFile("a")); err != nil || pid != b.pid {
		t.Fatalf("pid file says %d, %v; the child says %d", pid, err, b.pid)
	}
	if err := s.Start(player("a", "polite", st.socket)); err == nil {
		t.Fatal("two children of one name")
	}
	s.Stop(t.Context(), time.Minute, "a", "unknown")
	<-b.gone
	if _, err := os.Stat(st.pidFile("a")); !os.IsNotExist(err) {
		t.Fatalf("pid file after the end: %v", err)
	}
	if log, err := os.ReadFile(filepath.Join(st.folder, "log", "a.log")); err != nil || !strings.Contains(string(log), "playing polite") {
		t.Fatalf("log %q, %v", log, err)
	}
}

func TestKilledChildIsRestarted(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, true)
	start(t, s, player("a", "polite", st.socket))
	first := <-st.births
	kill(t, first.pid)
	second := <-st.births
	if second.pid == first.pid {
		t.Fatal("the same process again")
	}
	s.Stop(t.Context(), time.Minute, "a")
	<-second.gone
}

func TestWithoutRestartsAChildStaysDownUntilRevived(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, false)
	start(t, s, player("a", "polite", st.socket))
	start(t, s, player("b", "polite", st.socket))
	pids := map[int]birth{}
	for range 2 {
		b := <-st.births
		pids[b.pid] = b
	}
	victim, err := readPid(st.pidFile("a"))
	if err != nil {
		t.Fatal(err)
	}
	kill(t, victim)
	<-pids[victim].gone
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for s.Check(0) == nil { // the supervisor learns of it a moment later
		<-look.C
	}
	if err := s.Check(0); !strings.Contains(err.Error(), "a ended (signal: killed)") || !strings.Contains(err.Error(), "playing polite") {
		t.Fatalf("check: %v", err)
	}
	s.Revive()
	if again := <-st.births; again.pid == victim {
		t.Fatal("the same process again")
	}
	if len(st.births) != 0 {
		t.Fatal("a child that ran was started again")
	}
}

func TestChildThatKeepsEndingIsReportedWithItsLog(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, true)
	start(t, s, player("a", "short", st.socket))
	for range 4 {
		b := <-st.births
		<-b.gone
	}
	err := s.Check(2)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "  nothing to do") {
		t.Fatalf("check: %v", err)
	}
	if err := s.Check(1 << 30); err != nil {
		t.Fatalf("tolerant check: %v", err)
	}
}

func TestStubbornChildIsKilledAfterTheGraceTime(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, true)
	start(t, s, player("a", "stubborn", st.socket))
	b := <-st.births
	s.Stop(t.Context(), time.Millisecond, "a")
	<-b.gone
}

func TestMissingProgramIsAnError(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, true)
	if err := s.Start(Process{Name: "a", Path: filepath.Join(st.folder, "gone")}); err == nil || !strings.Contains(err.Error(), "start a:") {
		t.Fatalf("start: %v", err)
	}
	if _, err := os.Stat(st.pidFile("a")); !os.IsNotExist(err) {
		t.Fatalf("pid file of nothing: %v", err)
	}
}

// playSupervisor starts a process that supervises a grandchild, and returns both.
func playSupervisor(t *testing.T, st *stage) (*exec.Cmd, birth) {
	t.Helper()
	p := player("supervisor", "supervisor", st.socket)
	command := exec.Command(p.Path)
	command.Env = append(p.Env, folderVariable+"="+st.folder)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if b := <-st.births; b.pid != command.Process.Pid {
			return command, b
		}
	}
}

func TestChildrenDieWithAKilledSupervisor(t *testing.T) {
	st := newStage(t)
	command, grandchild := playSupervisor(t, st)
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	<-grandchild.gone

	s := st.supervisor(t, true)
	if err := s.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(st.pidFile("*")); err != nil || len(left) != 0 {
		t.Fatalf("left: %v, %v", left, err)
	}
}

func TestClearEndsOnlyWhatIsOurs(t *testing.T) {
	st := newStage(t)
	old, next := st.supervisor(t, false), st.supervisor(t, false)
	start(t, old, player("leftover", "stubborn", st.socket))
	leftover := <-st.births

	stranger := player("stranger", "polite", st.socket)
	command := exec.Command(stranger.Path)
	command.Env = stranger.Env
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	alive := <-st.births
	files := map[string]string{"stranger": strconv.Itoa(alive.pid), "broken": "x", "gone": "4194304", "self": strconv.Itoa(os.Getpid())}
	for name, content := range files {
		if err := os.WriteFile(st.pidFile(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := next.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-leftover.gone
	if left, err := filepath.Glob(st.pidFile("*")); err != nil || len(left) != 0 {
		t.Fatalf("left: %v, %v", left, err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("the stranger was touched: %v", err)
	}
}

func TestClearEndsWithItsContext(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, false)
	if err := os.WriteFile(st.pidFile("gone"), []byte("4194304"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Clear(ctx); err != nil {
		t.Fatalf("nothing to wait for: %v", err)
	}
}

func TestLongLogsAreSetAside(t *testing.T) {
	st := newStage(t)
	s := st.supervisor(t, false)
	log := filepath.Join(st.folder, "log", "a.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(log, maxLog+1); err != nil {
		t.Fatal(err)
	}
	start(t, s, player("a", "polite", st.socket))
	<-st.births
	if info, err := os.Stat(log + ".1"); err != nil || info.Size() != maxLog+1 {
		t.Fatalf("set aside: %v, %v", info, err)
	}
}
