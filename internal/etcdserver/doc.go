// Package etcdserver owns `miroir etcd`: one etcd member inside this binary, for development machines and tests.
//
// It stores nothing of its own and knows nothing of what others keep in it. Production runs etcd itself, three members
// of it; the member here is the same server, single, on loopback.
package etcdserver
