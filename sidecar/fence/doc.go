// Package fence decides whether a write may still pass. It refuses two kinds of senders that must not write any more:
//
//   - a sender whose routing view is older than the last change of the index's placement. It may not know all nodes
//     that must receive the write. It refreshes its view and sends again (stale epoch);
//   - everyone, while the sidecar could not renew its lease for some seconds: the cluster is about to regard the node as
//     failed, and a write taken now could be missing elsewhere (fenced, NS-5). Reads go on for some minutes.
//
// When a placement was written last is part of the view, so a sidecar that starts knows at once whom to refuse, and one that hears of
// several changes at once refuses nobody who knows the one that counts.
//
// The package knows neither HTTP nor the store. Whoever watches the view calls Observe, whoever holds the lease says
// when it was renewed.
package fence
