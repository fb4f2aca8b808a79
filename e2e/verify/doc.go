// Package verify makes the copies of shards differ behind everybody's back, and has them compared and repaired.
package verify
