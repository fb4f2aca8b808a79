// Package launch owns `miroir dev` seen from a program: start it, learn where everything is, end it. The demo and the
// tests of whole clusters use it.
//
// It knows the command's flags and its ready line, nothing of what happens inside.
package launch
