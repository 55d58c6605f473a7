// Package arrows is for keeping the direction of imports: its test holds the table of docs/architecture.md against the code.
package arrows
