// Package spread waits until every gateway works by a change of the store: each says in its presence record which epoch it
// routes by. It decides nothing; what a gateway that does not say so in time may do is a matter of whoever made the change.
package spread
