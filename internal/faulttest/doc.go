// Package faulttest is for proving what clients see when an upstream misbehaves, and that nothing is left behind. Its table of
// faults is the page docs/faults.md.
package faulttest
