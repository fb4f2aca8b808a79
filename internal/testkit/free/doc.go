// Package free gives tests addresses that nobody listens on. It chooses none itself, internal/freeport does.
package free
