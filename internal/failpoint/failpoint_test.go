package failpoint

import (
	"os"
	"os/exec"
	"testing"
)

// inner is set in the process that a test ends.
const inner = "FAILPOINT_TEST_INNER"

func TestAnArmedPointEndsTheProcessOnce(t *testing.T) {
	if os.Getenv(inner) != "" {
		Before("store", "create task")
		After("store", "create task")
		return
	}
	folder := t.TempDir()
	run := func() error {
		self := exec.Command(os.Args[0], "-test.run=TestAnArmedPointEndsTheProcessOnce") //nolint:gosec // this test itself
		self.Env = append(os.Environ(), inner+"=1", Variable+"="+folder)
		return self.Run()
	}
	if err := run(); err != nil {
		t.Fatalf("nothing is armed: %v", err)
	}
	name := Name("store", "create task", true)
	if name != "store.create-task.after" {
		t.Errorf("the name is %s", name)
	}
	if err := Arm(folder, name); err != nil {
		t.Fatal(err)
	}
	if err := run(); err == nil || Armed(folder, name) {
		t.Errorf("armed: %v, still armed %v", err, Armed(folder, name))
	}
	if err := run(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestPointsDoNothingByThemselves(t *testing.T) {
	if Enabled() {
		t.Fatal("points are enabled without the variable")
	}
	Before("store", "create task")
}
