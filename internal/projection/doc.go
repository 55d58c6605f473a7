// Package projection is for turning JSON answers into the fields of a response: bytes to protobuf wire bytes, by rules that
// are compiled once. A Shape says which values of an answer are needed, a scan finds them in one pass, and rules copy them
// to the wire in the order of the binding. There is no intermediate tree and no message in between.
//
// A value that cannot fill its field without loss is never guessed at: the field stays unset, and a Report says so.
package projection
