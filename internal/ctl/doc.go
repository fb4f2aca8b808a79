// Package ctl owns miroir-ctl, the operator's command line. Every command is a request to the coordinator's admin API
// (CT-6); only the state commands read etcd, where they are told to with --etcd.
//
// Data goes to standard output and everything else to standard error, so that output can be piped (CT-4). With -o json
// the output is the API's document as it came; yaml and ndjson are the same document written otherwise. The exit code
// tells a script what happened: 0 done, 1 failed, 2 wrong call, 3 not allowed, 4 degraded, 5 too late, 6 conflict.
//
// The admin key is never printed, whatever goes wrong: it stands in no error, no trace and no URL (CT-3).
package ctl
