// Package compare is the suite that asks one engine and a cluster, which hold the same documents, the same generated
// questions. Answers must be equal in every member: hits in the same order, bodies, totals, facets and refusals. What
// differs is explained by package judge or fails the suite, with the smallest query that still differs.
//
// It is driven by the environment: COMPARE_EACH (queries of every configuration) or COMPARE_QUERIES (of
// all configurations together), COMPARE_REPORT (a file for the table of outcomes), COMPARE_SEED, COMPARE_CITIES
// (documents of the larger index), COMPARE_KIND (one kind of queries only) and COMPARE_ONLY (the number of one query to be
// asked alone).
package compare
