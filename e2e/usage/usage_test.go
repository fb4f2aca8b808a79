package usage

import (
	"os"
	"testing"
)

func TestOf(t *testing.T) {
	u, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.Memory < 1<<20 || u.Peak < u.Memory || u.CPU < 0 {
		t.Errorf("this test uses %+v", u)
	}
	if _, err := Of(-1); err == nil {
		t.Error("no process has a negative number")
	}
}
