// Package webhook owns the record of a webhook in the store. Where it posts and with what headers is sealed, for
// both may hold credentials; what is readable is the server that it goes to.
package webhook
