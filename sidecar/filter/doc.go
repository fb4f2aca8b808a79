// Package filter makes a read, or a deletion by filter, answer for some shards only: it adds a clause over the reserved
// shard field to the filter of a request (RD-3, RD-4). It also refuses requests that name a reserved field where they
// filter, sort or count.
//
// The rest of a body stays as it came: the package finds the members it must look at and replaces their bytes. What it
// cannot read it leaves alone, for the engine refuses it with the error that the client is used to.
//
// The package decides nothing about placement: the caller hands it the clause.
package filter
