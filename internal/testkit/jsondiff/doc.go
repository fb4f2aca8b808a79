// Package jsondiff owns the comparison of JSON values: exact, members in any order, numbers by value and never rounded.
// What differs is told by JSON pointer. It knows nothing of where the values come from, nor which members may vary.
package jsondiff
