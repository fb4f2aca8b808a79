// Package tuning holds the keys of the configuration that a cluster takes over while it runs: what stands in etcd under
// config/runtime, its defaults and its rules. One rule set serves whoever writes the record and whoever obeys it.
package tuning
