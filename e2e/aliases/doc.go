// Package aliases is the suite of aliases (F7): made and flipped by miroir-ctl, used by clients on every route, under
// writes and under credentials, on a whole cluster.
package aliases
