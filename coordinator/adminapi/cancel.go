package adminapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/miroir-search/miroir/internal/apierr"
	"github.com/miroir-search/miroir/internal/task"
)

// taskUID reads the uid in a path: 391 or mtask-00391 (TK-1).
func taskUID(r *http.Request) (uint32, *apierr.Error) {
	uid, err := strconv.ParseUint(strings.TrimPrefix(r.PathValue("uid"), "mtask-"), 10, 32)
	if err != nil {
		return 0, apierr.New(apierr.MiroirNotFound, "There is no such task.")
	}
	return uint32(uid), nil
}

// maxUIDs bounds how many uids are taken to get one beyond that of a task: a block that was taken before it was made may
// be left of (TK-1).
const maxUIDs = 1000

// cancelTask enqueues the cancelation of one task, as POST /tasks/cancel?uids= does (TK-10).
func (s *Server) cancelTask(w http.ResponseWriter, r *http.Request) *apierr.Error {
	uid, e := taskUID(r)
	if e != nil {
		return e
	}
	old, err := s.Tasks.Task(r.Context(), uid)
	if e := stateError(err, "There is no such task."); e != nil {
		return e
	}
	switch {
	case old.Done():
		return apierr.New(apierr.MiroirConflict, "The task %d has ended: it is %s.", uid, old.Status)
	case !old.Cancelable():
		return apierr.New(apierr.MiroirConflict, "A task of type `%s` can not be canceled.", old.Type)
	}
	order := task.Record{V: task.Version, Type: task.TaskCancelation, Status: task.Enqueued, EnqueuedAt: s.Now()}
	order.Op, order.Details, err = task.NewOrder(order.Type, []uint32{uid}, nil, "uids="+strconv.FormatUint(uint64(uid), 10))
	for tries := 0; err == nil && order.UID <= uid; tries++ { // an order is about older tasks only
		if tries == maxUIDs {
			return apierr.New(apierr.MiroirConflict, "The task %d is too new to be canceled. Try again.", uid)
		}
		order.UID, err = s.Enqueuer.NextTaskUID(r.Context())
	}
	if err == nil {
		err = s.Enqueuer.CreateTask(r.Context(), order)
	}
	if e := stateError(err, ""); e != nil {
		return e
	}
	return enqueuedTask(w, order.UID)
}

// enqueuedTask answers with a task that was made.
func enqueuedTask(w http.ResponseWriter, uid uint32) *apierr.Error {
	return answerWith(w, http.StatusAccepted, struct {
		TaskUID   uint32 `json:"task_uid"`
		StatusURL string `json:"status_url"`
	}{uid, "/_miroir/tasks/" + strconv.FormatUint(uint64(uid), 10)})
}
