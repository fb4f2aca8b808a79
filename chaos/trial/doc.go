// Package trial runs one seed against a cluster: clients at work, faults meanwhile, rest, and then the judgement. It keeps
// what is needed to look into a run that went wrong.
package trial
