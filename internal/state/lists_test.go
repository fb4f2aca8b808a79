package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Lists that do not fit one page are read at one revision, and other families are no part of them.
func TestKeysAreListedWhole(t *testing.T) {
	c := open(t)
	var want []string
	for i := range listPage + 3 {
		uid := fmt.Sprintf("%06d", i)
		want = append(want, uid)
		if err := c.CreateKey(t.Context(), newKey(uid)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.etcd.Put(t.Context(), c.root+"keyt/x", "no key"); err != nil {
		t.Fatal(err)
	}
	list, err := c.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.UID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d keys", len(got), len(want))
	}
	if _, err := c.etcd.Put(t.Context(), c.root+"keys/x", `{"v":99}`); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keys(t.Context()); err == nil {
		t.Error("a key that can not be read was left out in silence")
	}
}

func TestCoordinatorsThatArePresent(t *testing.T) {
	c := open(t)
	session, err := c.NewSession(t.Context(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Put(t.Context(), FamilyCoordinators+"a", CoordinatorRecord{V: 1, Address: "x:1", Dumps: true}); err != nil {
		t.Fatal(err)
	}
	list, err := c.Coordinators(t.Context())
	if err != nil || len(list) != 1 || !list["a"].Dumps || list["a"].Address != "x:1" {
		t.Fatalf("%+v %v", list, err)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Coordinators(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := c.etcd.Put(t.Context(), c.root+FamilyCoordinators+"b", "{"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Coordinators(t.Context()); err == nil || !strings.Contains(err.Error(), "b") {
		t.Error(err)
	}
}
