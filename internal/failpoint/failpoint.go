package failpoint

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Variable is the environment variable that names the folder of armed points.
const Variable = "MIROIR_FAILPOINTS"

var folder = sync.OnceValue(func() string { return os.Getenv(Variable) })

// Enabled says whether points can be armed in this process.
func Enabled() bool { return folder() != "" }

// Before is the point right before a step; group and step together name it.
func Before(group, step string) {
	if Enabled() {
		reach(folder(), Name(group, step, false))
	}
}

// After is the point right after a step.
func After(group, step string) {
	if Enabled() {
		reach(folder(), Name(group, step, true))
	}
}

// Name is the name of a point, which is that of the file that arms it.
func Name(group, step string, after bool) string {
	side := "before"
	if after {
		side = "after"
	}
	plain := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}
	return strings.Map(plain, group+"."+step+"."+side)
}

// Arm makes the next process that reaches a point of this name in this folder end there.
func Arm(folder, name string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), nil, 0o600)
}

// Armed says whether a point is still armed: nobody has reached it.
func Armed(folder, name string) bool {
	_, err := os.Stat(filepath.Join(folder, name))
	return err == nil
}

// Disarm undoes Arm.
func Disarm(folder, name string) error { return os.RemoveAll(filepath.Join(folder, name)) }

// reach ends the process if the point is armed. Whoever takes the file away is the one that ends.
func reach(folder, name string) {
	if os.Remove(filepath.Join(folder, name)) != nil {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic("failpoint: " + err.Error())
	}
	select {} // the signal is on its way
}
