// Package edgetest is for proving what the edge lets through, on whole servers with every part of the policy on. Its table of the OWASP API
// Security Top 10 is the page docs/owasp.md.
package edgetest
