// Package leg decides what the legs of a read are asked, so that their answers can be merged, and what of the merged
// answer the client gets to see: the window from rank 0, score details, attributes that the merge needs and takes away
// again, the halves of a hybrid search, the parts of a federated one.
//
// Every decision is a pure function of the client's request and the index's settings. It must not know which nodes exist,
// who sends the legs or how answers are compared: the plan, the scatter and the merge do.
package leg
