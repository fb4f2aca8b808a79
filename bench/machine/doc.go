// Package machine reads what the kernel knows: what the machine is, and what processes use of it. It reads Linux's
// /proc; elsewhere its answers are errors.
package machine
