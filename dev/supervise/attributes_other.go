//go:build !linux

package supervise

import "syscall"

// processAttributes put a child into its own process group. Only Linux can tie a child's life to its parent's; see
// leftover_other.go for what happens otherwise.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
