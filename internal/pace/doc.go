// Package pace keeps a client of a cloud's API within the rate that the cloud
// allows, which it does not know but learns.
package pace
