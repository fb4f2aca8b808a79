// Package hedge decides when a late leg is asked of other owners too, and how often that may happen: after a time that
// depends on how long such legs take just now, so many times for a query, and for a small share of all legs, so that nodes
// that are all slow are not asked twice for everything.
//
// It decides and counts. Who sends legs, and who the other owners are, stands in scatter and plan.
package hedge
