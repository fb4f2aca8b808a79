// Package operator runs miroir-ctl for suites, pointed at a cluster.
package operator
