// Package heap is for how a process that serves uses memory.
package heap

// Floor is how much garbage there may be before the collector runs, however little is in use, in bytes.
const Floor = 32 << 20

// Reserve keeps the collector from running for every few megabytes: what is in use is little, and the collector lets as much come on top
// (GOGC=100). Bytes that are never written take no memory, but count as in use, so that it waits for as much again; unlike a higher GOGC
// they add the same whatever else is in use. The caller keeps them alive. They are nil where the operator says when to collect.
func Reserve(lookupEnv func(string) (string, bool)) []byte {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if _, said := lookupEnv(name); said {
			return nil
		}
	}
	return make([]byte, Floor)
}
