//go:build !linux

package supervise

import "syscall"

// Attributes put a child into its own process group. Only Linux can tie a child's life to its parent's; see
// leftover_other.go for what happens otherwise.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
