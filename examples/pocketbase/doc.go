// Package pocketbase is an example in front of a program that knows nothing of Sheaf: a library's contract over
// PocketBase's REST API. Its test starts PocketBase, fills it over its own API, and reads it through the contract.
package pocketbase
