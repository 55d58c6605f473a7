// Package bounds is for refusing request messages that would cost too much to build, from their bytes alone: two bytes on the wire can
// become hundreds in memory. It counts what a message holds without building any of it.
package bounds

import "fmt"

// Bounds are what a message may hold.
type Bounds struct {
	// Depth is the most levels of messages, that of the request included.
	Depth int
	// Elements is the most elements of lists and entries of maps, all together.
	Elements int
}

// perElement is how many messages there may be for each element that there may be: most elements hold a few messages, and a tree of
// messages without any list has to end, too.
const perElement = 10

// minElements is what the bound on messages follows from, where fewer elements are allowed.
const minElements = 1000

func (b Bounds) messages() int { return perElement * max(b.Elements, minElements) }

// count is what has been found so far.
type count struct {
	Bounds

	elements, messages int
}

// message counts one that begins on a level.
func (c *count) message(level int) error {
	if level > c.Depth {
		return fmt.Errorf("request is nested deeper than %d levels", c.Depth)
	}
	c.messages++
	if most := c.Bounds.messages(); c.messages > most {
		return fmt.Errorf("request holds more than %d messages", most)
	}
	return nil
}

// element counts elements of lists, or entries of maps.
func (c *count) element(n int) error {
	c.elements += n
	if c.elements > c.Elements {
		return fmt.Errorf("request holds more than %d elements of lists and maps", c.Elements)
	}
	return nil
}
