// Package dump is the suite of dumps (F9): what one Meilisearch holds goes into a cluster by miroir-ctl, and comes out of it
// again as a dump that one Meilisearch takes. Documents in their order, vectors, settings and keys are the same everywhere.
// In between the coordinator is killed while an upload, an import and a dump are under way.
package dump
