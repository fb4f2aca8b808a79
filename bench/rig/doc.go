// Package rig starts what a benchmark compares, on this machine and side by side: one engine alone, and clusters of
// `miroir dev`. It gives each of them the same index and tells their processes apart.
//
// Everything it starts lives in a temporary folder and ends with Close. It measures nothing.
package rig
