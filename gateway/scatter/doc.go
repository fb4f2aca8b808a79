// Package scatter runs the legs of a plan: all at once, each under its own deadline, with one second try on other nodes
// for a leg that brought no answer. What an answer means is its caller's business; scatter only tells apart answers that
// count, answers that ask for another node, and answers that end the whole request.
package scatter
