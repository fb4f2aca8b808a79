// Package etcd gives tests a real etcd of their own.
package etcd
