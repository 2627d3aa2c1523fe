// Package kind has no code: kind.sh brings a driver up in a kind cluster, and the
// tests check what can be checked of it without Docker.
package kind
