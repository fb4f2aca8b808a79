// Package rawjson walks JSON texts without decoding them: members of objects, elements of arrays, ends of values.
//
// The texts must be valid JSON in valid UTF-8; callers check that first. Nothing is copied or allocated but keys and strings that hold
// escapes. The package knows no meaning of any member.
package rawjson
