// Package holding knows which shards a node holds: by the placement, which copies it has and which of them are
// complete; and by looking at the engine, whether there is anything besides them.
//
// A read that names all shards of the node may go to the engine without a filter only if the engine holds nothing else.
// After a shard has moved away its documents stay for a while. So an index counts as exact only after the engine said
// that no document lies outside the placement, and no longer once a shard leaves the node. An index that is not exact
// is filtered, which is never wrong.
package holding
