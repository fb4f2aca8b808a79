// Package auth decides whether a request's credential allows its operation. The rule of a route stands in the operation
// table; this package checks it. It knows no path and no body, and never logs or returns a credential.
package auth
