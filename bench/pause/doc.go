// Package pause makes a process slow from outside: it is stopped and continued in turn, as by a machine that is too busy, a
// collector of garbage or a disk that hangs. What the process was sent waits meanwhile.
package pause
