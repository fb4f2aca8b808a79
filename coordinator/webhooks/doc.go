// Package webhooks posts finished tasks to the webhooks of a cluster.
//
// One coordinator at a time does it. Every webhook has a courier of its own, so that one that is slow or down holds up neither
// the others nor anything else. A courier goes through the tasks in the order in which they ended, which is that of the
// store's revisions; it begins behind the revision that made the webhook, and keeps in the store up to where it came. What
// was posted and not noted yet when a coordinator dies is posted again: every task at least once.
//
// Tasks that a webhook does not take are tried again, with growing pauses, until they are old; then they are dropped, which is
// counted and logged. Tasks that are deleted before they could be posted are not posted.
//
// Addresses that are not public are refused when the connection is made, whatever name led there, unless their network
// is allowed.
package webhooks
