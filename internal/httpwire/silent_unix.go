//go:build unix

package httpwire

import "syscall"

// isSilent reports whether nothing has come, neither bytes nor an end. What has come is lost.
func isSilent(descriptor uintptr) bool {
	var one [1]byte
	_, err := syscall.Read(int(descriptor), one[:])
	return err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
}
