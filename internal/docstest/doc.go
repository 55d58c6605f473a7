// Package docstest is for the documentation: its tests compile, run and look up every snippet of the README and of docs/.
package docstest
