// Package webhooks checks on a running cluster that finished tasks reach webhooks, all of them, whoever dies in between,
// and that what is posted is what one Meilisearch posts.
package webhooks
