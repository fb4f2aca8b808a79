// Package rhai owns what must be known of the language in which clients write functions that edit documents (Rhai, as
// Meilisearch runs it): where such a script leaves early, which functions it defines, whether it makes closures. It reads
// tokens, not sentences: whether a script is right is the engine's to say.
//
// What it does not understand for sure it says so of (Read's ok), or it errs to the side of finding too much.
package rhai
