package ec2test

import (
	"net/http"
)

// IMDS serves the metadata service.
func (s *Server) IMDS(instance string) http.Handler { return http.NotFoundHandler() }
