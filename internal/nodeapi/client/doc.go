// Package client sends legs to sidecars over kept-alive connections. It carries the node key and the leg headers, bounds
// what it reads, and leaves every decision (which node, whether again) to its caller.
package client
