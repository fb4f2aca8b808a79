// Package load drives searches in closed loops, as many at once as there are sessions, and keeps the exact time of each.
package load
