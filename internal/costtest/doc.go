// Package costtest is for guarding what a call costs, in figures that can be counted: allocations and bytes, never time. They are those that
// a server adds to a handler which makes the same HTTP calls and decodes nothing.
package costtest
