package golden

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// uids holds the uids of the target's tasks in the order in which they were made. The recorder's node counted its tasks
// from 0 without a gap, so a recorded uid is a place in this list; a target may leave gaps.
type uids struct {
	made []string
}

// add remembers the task that an answer tells of. A task that the recorder's node made and the target did not holds its
// place.
func (u *uids) add(recorded, got any) {
	uid, made := taskUID(got)
	_, expected := taskUID(recorded)
	if made || expected {
		u.made = append(u.made, uid)
	}
}

// rising says whether the newest uid is greater than all before it, as clients that page through tasks expect.
func (u *uids) rising() bool {
	last := len(u.made) - 1
	for i := last - 1; i >= 0; i-- {
		if u.made[i] == "" {
			continue
		}
		x, errX := strconv.ParseUint(u.made[i], 10, 32)
		y, errY := strconv.ParseUint(u.made[last], 10, 32)
		return errX == nil && errY == nil && x < y
	}
	return true
}

// of is the target's uid for a recorded one, or the recorded one where it is no task's.
func (u *uids) of(recorded string) string {
	n, err := strconv.Atoi(recorded)
	if err != nil || n < 0 || n >= len(u.made) || u.made[n] == "" {
		return recorded
	}
	return u.made[n]
}

// path is a recorded path with the target's uids.
func (u *uids) path(recorded string) string {
	const from = "from="
	at := strings.Index(recorded, from)
	if at < 0 || !strings.HasPrefix(recorded, "/tasks?") {
		return recorded
	}
	at += len(from)
	return recorded[:at] + u.of(recorded[at:])
}

// place puts the target's uids into a path where it says `{task:N}`.
func (u *uids) place(path string) string {
	const mark = "{task:"
	before, rest, found := strings.Cut(path, mark)
	n, after, _ := strings.Cut(rest, "}")
	if !found {
		return path
	}
	return before + u.of(n) + u.place(after)
}

// translate rewrites the uids in a recorded value to those of the target.
func (u *uids) translate(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = u.translate(value[i])
		}
	case map[string]any:
		_, page := value["results"]
		for key, member := range value {
			number, isNumber := member.(json.Number)
			switch {
			case isNumber && (key == "taskUid" || key == "uid" || key == "batchUid" || page && (key == "from" || key == "next")):
				value[key] = json.Number(u.of(number.String()))
			case key == "batchStrategy":
				value[key] = u.sentence(member)
			case key == "message" && value["code"] == "task_not_found":
				value[key] = u.quoted(member)
			case key == "originalFilter":
				value[key] = u.filter(member)
			default:
				value[key] = u.translate(member)
			}
		}
	}
	return value
}

// quoted translates the uid in words like "Task `12` not found.".
func (u *uids) quoted(value any) any {
	text, _ := value.(string)
	before, rest, _ := strings.Cut(text, "`")
	uid, after, found := strings.Cut(rest, "`")
	if !found {
		return value
	}
	return before + "`" + u.of(uid) + "`" + after
}

// filter translates the uids in parameters like "?uids=8,10&statuses=failed".
func (u *uids) filter(value any) any {
	text, isText := value.(string)
	if !isText {
		return value
	}
	parameters := strings.Split(text, "&")
	for i, parameter := range parameters {
		name, list, _ := strings.Cut(parameter, "=")
		if name = strings.TrimPrefix(name, "?"); name != "uids" && name != "canceledBy" && name != "batchUids" {
			continue
		}
		uids := strings.Split(list, ",")
		for j := range uids {
			uids[j] = u.of(uids[j])
		}
		before, _, _ := strings.Cut(parameter, "=")
		parameters[i] = before + "=" + strings.Join(uids, ",")
	}
	return strings.Join(parameters, "&")
}

// sentence translates the uid in words like "stopped after task with id 117 because it deletes the index".
func (u *uids) sentence(value any) any {
	text, _ := value.(string)
	before, rest, found := strings.Cut(text, "task with id ")
	uid, after, _ := strings.Cut(rest, " ")
	if !found {
		return value
	}
	return fmt.Sprintf("%stask with id %s %s", before, u.of(uid), after)
}
