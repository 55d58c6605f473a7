package upstreams

// Special is for tests.
var Special = special
