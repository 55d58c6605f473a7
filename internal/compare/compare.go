// Package compare is for saying where two messages of one type differ: by the paths of fields, and never by their values.
package compare

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Field is a field by its path, and how often the second message has in it what the first has. An element of a list or a map stands
// as [] in a path.
type Field struct {
	Path string
	// Equal and Different are in both; Missing is in the first alone, Extra in the second.
	Equal, Missing, Extra, Different int
}

// IsEqual reports whether both messages have the same in it.
func (f *Field) IsEqual() bool { return f.Missing == 0 && f.Extra == 0 && f.Different == 0 }

// Apart are fields of the messages themselves that are not compared as others are; 0 is none.
type Apart struct {
	// Ignored is not looked at; of Opaque, only whether it is there.
	Ignored, Opaque protoreflect.FieldNumber
}

// maxFields bounds the paths that are told apart. More of them, which only types that hold their own can have, are counted together.
const maxFields = 200

// further is the path that stands for those beyond maxFields.
const further = "..."

// Messages compares two messages of one type. What both leave unset is not counted. Fields are sorted by path.
func Messages(first, second protoreflect.Message, apart Apart) []Field {
	c := &comparison{fields: map[string]*Field{}}
	c.message(first, second, "", apart)
	sorted := make([]Field, 0, len(c.fields))
	for _, field := range c.fields {
		sorted = append(sorted, *field)
	}
	slices.SortFunc(sorted, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return sorted
}

type comparison struct{ fields map[string]*Field }

// at is the field of a path.
func (c *comparison) at(path string) *Field {
	if c.fields[path] == nil && len(c.fields) >= maxFields {
		path = further
	}
	if c.fields[path] == nil {
		c.fields[path] = &Field{Path: path}
	}
	return c.fields[path]
}

func (c *comparison) message(first, second protoreflect.Message, prefix string, apart Apart) {
	fields := first.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Number() == apart.Ignored || !first.Has(f) && !second.Has(f) {
			continue
		}
		path := prefix + string(f.Name())
		switch {
		case f.IsList():
			c.list(f, first.Get(f).List(), second.Get(f).List(), path+"[]")
		case f.IsMap():
			c.entries(f.MapValue(), first.Get(f).Map(), second.Get(f).Map(), path+"[]")
		case !first.Has(f):
			c.at(path).Extra++
		case !second.Has(f):
			c.at(path).Missing++
		case f.Number() == apart.Opaque:
			c.at(path).Equal++
		default:
			c.value(f, first.Get(f), second.Get(f), path)
		}
	}
}

func (c *comparison) list(f protoreflect.FieldDescriptor, first, second protoreflect.List, path string) {
	shorter := min(first.Len(), second.Len())
	for i := range shorter {
		c.value(f, first.Get(i), second.Get(i), path)
	}
	if first.Len() != second.Len() {
		c.at(path).Missing += first.Len() - shorter
		c.at(path).Extra += second.Len() - shorter
	}
}

func (c *comparison) entries(f protoreflect.FieldDescriptor, first, second protoreflect.Map, path string) {
	first.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		if second.Has(key) {
			c.value(f, value, second.Get(key), path)
		} else {
			c.at(path).Missing++
		}
		return true
	})
	second.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		if !first.Has(key) {
			c.at(path).Extra++
		}
		return true
	})
}

// value compares what both have.
func (c *comparison) value(f protoreflect.FieldDescriptor, first, second protoreflect.Value, path string) {
	switch {
	case f.Message() != nil:
		c.message(first.Message(), second.Message(), path+".", Apart{})
	case first.Equal(second):
		c.at(path).Equal++
	default:
		c.at(path).Different++
	}
}
