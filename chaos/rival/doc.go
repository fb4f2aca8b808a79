// Package rival is a candidate for a scope that others want as well, as coordinators are: it leads when it may, and writes what only
// the leader may write, whether it still is the leader or not. What it was told is recorded.
package rival
