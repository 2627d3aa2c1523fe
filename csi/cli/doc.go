// Package cli is the main function that every driver shares: flags and
// environment, logging, signals, the HTTP address and exit codes. A driver's
// own main is one [Program] and one call:
//
//	func main() {
//		cli.Main(cli.Program{
//			Name:    "minimal.csi.example.com",
//			Summary: "a volume is a directory",
//			Backend: func(context.Context, cli.Config) (csi.Locator, error) { return newBackend() },
//		})
//	}
//
// Flags of the driver's own are added by [Program.Flags]. Every flag can be
// set in the environment instead: --log-level is X_CSI_LOG_LEVEL. Only
// --endpoint is CSI_ENDPOINT, as the CSI specification demands, which also
// reserves the prefix CSI_ for itself. The command line wins.
//
// Instead of flags the command line may begin with a command: `manifests` prints
// the driver's Kubernetes manifests, `doctor` says what would go wrong on a node
// and how to mend it (exit code 1 if something must be mended), `pre-stop` is the
// preStop hook of a node plugin's container: if the node is being drained it waits
// until no volume of the driver is attached to it.
//
// Exit codes: 0 after an orderly stop, --help and --version; 1 when serving
// failed; 2 when the configuration is wrong, with a message that says what to
// change. Nothing is served before the whole configuration has been checked.
//
// The first SIGTERM or SIGINT stops the driver gracefully
// (--shutdown-timeout), the second ends the process at once.
//
// A program that has its own main loop does not need this package: use
// [csi.New] and [csi.Driver.Run], or [csi.Driver.Register].
package cli
