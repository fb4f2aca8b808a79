// Package edition rewrites what the engine is asked when documents are edited by a function. The function is the client's: it
// must neither see nor lose the fields that Miroir keeps in stored documents, and what it changes must carry the stamp of
// its write. So it runs between two pieces of code: the first takes those fields out of the document, the second puts them back
// when there still is one.
//
// The first piece stands on the function's own first line, so that only the columns of that line in the engine's messages
// must be set right again. A function that leaves by `return` would leave before the second piece: it is put into a text that
// is evaluated between the two. `return` leaves that text alone, and variables and positions in it are as outside.
//
// Package edition is pure. What it knows of the language is in internal/rhai.
package edition
