// Command go is a tour of every method of the official Go package, unchanged, against MEILI_URL.
//
// Every outcome is checked, not only that a call returns. The tour ends with a checklist: each method with the number of its
// requests and their mean time. What a cluster of Miroir refuses is listed as such, with the reason; one plain Meilisearch must
// serve it. Exit code 0 means that every method was called, and that every outcome was the expected one.
//
//	MEILI_URL=http://127.0.0.1:7700 MEILI_KEY=masterKey go run ./examples/go
//
// It is an application: it knows nothing of Miroir but the address, and no package of this module.
package main
