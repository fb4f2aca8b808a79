// Package coordinator is the control plane: it forms the cluster, tells every Envoy what to do, finishes tasks, changes
// settings and answers operators. It stands in the path of no search and no write: with every coordinator down, both go
// on.
//
//	state ──► view ──► detect ──► formation               who belongs to the cluster
//	            │
//	            ├────► publish ──► xds                    on every coordinator alike
//	            ├────► finisher, workflow/settings        each on the leader of its scope (election)
//	            └────► adminapi                           on every coordinator
//
// Two coordinators at once are normal. What must not happen twice is done by the leader of its scope, and committed by a
// transaction that a leader of yesterday can not pass.
package coordinator
