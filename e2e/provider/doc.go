// Package provider gives end-to-end suites a cluster. A suite asks for one through the Cluster interface and does not
// know whether it runs on this machine (Local, which is `miroir dev`) or on Kubernetes.
package provider
