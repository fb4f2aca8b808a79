// Package failpoint ends the process at chosen lines, so that tests can see what the next start makes of it.
//
// Points stand before and after every step that makes something durable: transactions of the store, entries of the
// journal, what engines are told, phases of workflows. They do nothing unless the environment names a folder
// (Variable), which only `miroir dev --failpoints` does. Then a point that is armed by a file of its name in that folder takes
// the file away, and ends the process as SIGKILL does. Nothing is remembered in the process, so a test arms points of one
// that runs.
//
// A file "clock" in that folder sets the wall clock of the process off, as far as it takes the time from Now: that by which writes
// are put in order.
package failpoint
