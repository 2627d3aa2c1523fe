package cli

import (
	"io"
	"log/slog"

	"k8s.io/klog/v2"
)

// logger makes the driver's logger and hands it to klog, which mount-utils
// logs to, and to package slog.
func (s *settings) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: s.logLevel}
	var handler slog.Handler = slog.NewTextHandler(w, o)
	if s.logFormat == "json" {
		handler = slog.NewJSONHandler(w, o)
	}
	log := slog.New(handler)
	slog.SetDefault(log)
	klog.SetSlogLogger(log)
	return log
}
