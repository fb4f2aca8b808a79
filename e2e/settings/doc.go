// Package settings is the suite of changes of settings (F5): every answer says which version it was made with, and says so when
// nodes had not the same one; coordinators are killed on the way; nodes are changed behind the cluster's back.
package settings
