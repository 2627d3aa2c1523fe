package csi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
)

// StatusHandler serves two pages for people and monitors:
//
//   - /healthz answers 200 if the driver can work or is starting, else 503 and
//     the reason. It asks what the RPC Probe asks.
//   - /debug/operations shows who holds what, for how long, and who waits for
//     it: as text, or as JSON with ?format=json. Volume ids and request ids
//     are shown, no secrets.
//
// It has no authentication: bind it to an address that only operators reach.
func (d *Driver) StatusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", d.serveHealth)
	mux.HandleFunc("GET /debug/operations", d.serveOperations)
	return mux
}

func (d *Driver) serveHealth(w http.ResponseWriter, r *http.Request) {
	switch err := d.probe(r.Context()); {
	case err == nil:
		_, _ = io.WriteString(w, "ok\n")
	case errors.Is(err, ErrPending):
		_, _ = fmt.Fprintf(w, "starting: %v\n", err)
	default:
		http.Error(w, "not healthy: "+err.Error(), http.StatusServiceUnavailable)
	}
}

func (d *Driver) serveOperations(w http.ResponseWriter, r *http.Request) {
	operations, stats := d.Operations(), d.OperationStats()
	if r.FormValue("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct {
			Operations []Operation
			Stats      OperationStats
		}{operations, stats})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	writeOperations(w, operations, stats, time.Now())
}

// writeOperations writes a table that fits a terminal.
func writeOperations(w io.Writer, operations []Operation, s OperationStats, now time.Time) {
	_, _ = fmt.Fprintf(w, "%d running, %d waiting; since the start: %d run, %d joined, %d waited %v in all\n",
		s.Running, s.Waiting, s.Started, s.Joined, s.Waited, s.WaitTime.Round(time.Millisecond))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, o := range operations {
		if i == 0 {
			_, _ = fmt.Fprintln(table, "\nSTATE\tFOR\tRPC\tID\tCALLERS\tREQUESTS\tKEYS")
		}
		state, since := "running", o.Started
		switch {
		case o.Waiting:
			state, since = "waiting", o.Arrived
		case o.Cancelled != "":
			state = "cancelled by " + o.Cancelled
		}
		_, _ = fmt.Fprintf(table, "%s\t%v\t%s\t%s\t%d\t%s\t%s\n", state, now.Sub(since).Round(time.Millisecond),
			o.RPC, o.ID, o.Callers, strings.Join(o.Requests, ","), strings.Join(o.Keys, ", "))
	}
	_ = table.Flush()
}
