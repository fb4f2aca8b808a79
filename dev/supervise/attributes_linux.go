package supervise

import "syscall"

// processAttributes put a child into its own process group, so that a Ctrl-C reaches the supervisor only, and let the
// kernel kill it when the supervisor dies.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
