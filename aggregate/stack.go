package aggregate

// callStack is what the stack of a goroutine that makes a call comes to, in bytes.
const callStack = 6 << 10

// growStack makes room for a call on the stack of a goroutine that has just begun: to grow it later, with all that stands on it by then,
// costs several times as much.
//
//go:noinline
func growStack(call int) byte {
	var room [callStack]byte
	return room[call%callStack]
}
