// Package rawjson reads JSON texts in place: it checks them, finds where values end, and visits the members of objects
// and the elements of arrays, without decoding or copying what it passes.
//
// Scan, ScanObject and Valid check what they read: their verdict is that of encoding/json for texts in valid UTF-8, and
// texts in invalid UTF-8 are faults. Everything else (EachMember, EachElement, Find, SkipValue …) walks texts that were
// checked before; on other texts the walk stays inside the text and ends, but what it visits means nothing.
//
// Repeated keys are visited as often as they stand there; nothing is allocated but strings that are asked for. The package
// knows no meaning of any member.
package rawjson
