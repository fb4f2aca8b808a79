// Package devtest holds the tests of `miroir dev` as a whole: the real command with real processes. It has no code of
// its own. It needs what `make build tools` makes.
package devtest
