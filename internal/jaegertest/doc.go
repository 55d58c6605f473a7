// Package jaegertest is for looking at Sheaf's spans in a real Jaeger. Its test runs with the build tag jaeger, by
// make jaeger, which builds Jaeger first.
package jaegertest
