// Package wirejson writes messages in wire bytes as protobuf's JSON mapping, without building them. What it writes is what protojson
// writes without its spaces, byte for byte.
//
// A message's descriptor is compiled once. Its writer goes over the wire bytes once, and appends each field as it comes. What messages
// of a program rarely hold, such as a field that stands there twice, an extension, or anything wrong, it leaves to protojson: so
// protojson alone decides what is refused, and why.
package wirejson
