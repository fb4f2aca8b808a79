// Package placement says where the copies of an index belong, and how far a recorded placement is from that.
//
// It is pure: the placement record stays the fact that is routed by, whatever this package would choose today.
package placement
