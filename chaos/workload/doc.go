// Package workload is what clients do during a chaos run. What they ask is decided beforehand by the seed (Plan, pure); when,
// and what they are told, is recorded as it happens.
package workload
