// Package awscall makes the calls of a client of the AWS SDK as a driver needs
// them: at the rate that the service allows, again for as long as the caller
// waits, and with errors that are those of package csi. It is a middleware of the
// SDK, so that the client's own methods and paginators are used as they are.
package awscall
