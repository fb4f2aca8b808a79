// Package span finds the members of a JSON object, and the elements of an array, as spans of the bytes they stand in,
// without decoding or allocating. The sidecar uses it where it must look at a body that it passes on as it came.
//
// The structure it walks is checked; what lies inside a value is only balanced, for the engine that receives the body
// reads all of it. On valid JSON the spans are exactly those of encoding/json, which a fuzz test holds.
package span
