// Package upload sends payloads that do not arrive: the gateway's disk is full, or the gateway dies in the middle. What counts
// is what is left: an answer that says so, no task that lies, no document that was half applied, and a cluster that takes the
// same payload a moment later.
//
// The gateway's spool is a small file system of its own, which only root can mount.
package upload
