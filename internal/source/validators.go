package source

import (
	"fmt"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// validators hold the vocabulary's rules, compiled. That takes long, and megabytes: files that are read one after the other share one, and
// the collector takes it once no more are read. protovalidate's global one would stay.
var validators sync.Pool

// checkByRules checks the vocabulary's rules. The error is a *protovalidate.ValidationError if one is broken.
func checkByRules(message proto.Message) error {
	validator, ok := validators.Get().(protovalidate.Validator)
	if !ok {
		var err error
		if validator, err = protovalidate.New(); err != nil {
			return fmt.Errorf("prepare rules: %w", err)
		}
	}
	defer validators.Put(validator)
	return validator.Validate(message)
}
