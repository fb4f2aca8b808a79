package journal

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Task is what the engine made of a leg. Its number grows with every task, so an engine that does not have it any more, or
// has another one under its number, is at an older state than it was.
type Task struct {
	UID   uint32
	Write string // dispatch id of the leg
}

func taskKey(index string) []byte { return append([]byte{tagTask}, index...) }

// numbered notes the newest task of an index.
func (j *Journal) numbered(b *pebble.Batch, index string, t Task) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if old, ok := j.tasks[index]; ok && old.UID >= t.UID {
		return
	}
	j.tasks[index] = t
	_ = b.Set(taskKey(index), append(binary.BigEndian.AppendUint32(nil, t.UID), t.Write...), nil)
}

// Latest is the newest task that the engine made of a leg of the index; ok is false when none is known.
func (j *Journal) Latest(index string) (t Task, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t, ok = j.tasks[index]
	return t, ok
}

func (j *Journal) loadTasks() error {
	return j.each([]byte{tagTask}, func(key, value []byte) error {
		if len(value) < 4 {
			return ErrCorrupt
		}
		j.tasks[string(key[1:])] = Task{binary.BigEndian.Uint32(value), string(value[4:])}
		return nil
	})
}

// Indexes lists the indexes of which something is kept, ascending.
func (j *Journal) Indexes() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := map[string]bool{}
	for _, e := range j.legs {
		all[e.Index] = true
	}
	for index := range j.marks {
		all[index] = true
	}
	for index := range j.tasks {
		all[index] = true
	}
	return slices.Sorted(maps.Keys(all))
}
