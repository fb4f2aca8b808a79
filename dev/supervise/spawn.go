package supervise

import (
	"os/exec"
	"runtime"
)

// spawner starts all processes from one system thread that lives as long as the supervisor. The kernel ties "end with
// my parent" to the thread that started the process, and Go ends idle threads as it likes.
type spawner struct {
	requests chan spawnRequest
}

type spawnRequest struct {
	command *exec.Cmd
	result  chan error
}

func newSpawner() spawner {
	s := spawner{requests: make(chan spawnRequest)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		for r := range s.requests {
			r.result <- r.command.Start()
		}
	}()
	return s
}

func (s spawner) start(command *exec.Cmd) error {
	result := make(chan error, 1)
	s.requests <- spawnRequest{command, result}
	return <-result
}

func (s spawner) close() { close(s.requests) }
