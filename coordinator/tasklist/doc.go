// Package tasklist carries out tasks that are about other tasks: cancelations and deletions. The leader of its scope runs
// it.
//
// Everything it needs to go on after a crash stands in task records, so that it keeps none of its own:
//
//   - A cancelation marks each open task that it selected (`canceling`), and then sees to it that the nodes stop their
//     parts, however often they must be told, for as long as a marked task is open. The finisher, or the workflow that carries
//     a task out, ends a task that was stopped. The cancelation ends when its tasks have, or wait for nodes that are away only.
//   - A deletion notes in its own record which of the tasks it selected are finished (`chosen`), forgets them on the nodes,
//     then in the store, and ends. What comes first can be done twice.
//
// Tasks that a later order selects are the same, whoever leads: what was selected stands in the order's record since the
// gateway accepted it.
package tasklist
