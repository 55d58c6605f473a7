// Package slowtest is for checks that need programs from elsewhere: buf curl against a running demo. Its tests run with the
// build tag slow.
package slowtest
