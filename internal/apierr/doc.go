// Package apierr owns the errors that clients see: their codes, statuses, types and JSON form, which is Meilisearch's.
//
// Only errors made here reach a client. Wording that belongs to one operation stands in internal/meili.
package apierr
