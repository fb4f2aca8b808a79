// Package formation makes a cluster out of what has registered: it writes down the shape of a new cluster and its first
// API keys, and admits the joining nodes that detect finds admissible.
//
// It needs no workflow record: each of its steps is one transaction on the record that it is about, and what is left to
// do can be seen from the records themselves. Any coordinator may write shape and keys; the leader of the scope admits.
package formation
