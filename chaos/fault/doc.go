// Package fault decides what is broken during a chaos run, and when (Plan, pure), and breaks it (Injector).
//
// Faults begin and end by how many requests clients have got through, so that a run does the same on a slow machine as on
// a fast one, as far as a real cluster allows. Only what has to last longer than a lease lasts a time.
package fault
