// Package formation decides which joining nodes may be admitted. It is pure; the coordinator's loop acts on it.
package formation
