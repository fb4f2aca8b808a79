// Package judge says what a difference between the answers of one engine and of a cluster is: none, a tie that was
// decided the other way, something an engine decides from the words it happens to hold (a class), or a real difference.
//
// Nothing is taken on trust. A tie is one only if both sides, asked again for the whole list with the details of the
// ranking, give the swapped hits the same details. A class is one only if the condition under which the engine decides
// otherwise is seen to hold: in the words of the documents, in the details, or in a further answer. What is not
// explained is a real difference.
package judge
