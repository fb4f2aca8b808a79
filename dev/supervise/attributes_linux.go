package supervise

import "syscall"

// Attributes put a child into its own process group, so that a Ctrl-C reaches the supervisor only, and let the
// kernel kill it when the supervisor dies: to be exact, when the thread ends that started it.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
