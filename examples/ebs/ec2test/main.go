// Command ec2test serves an emulated EC2 and its metadata service, so that the
// EBS driver of this repository, or any other one, runs without an AWS account.
// With --disks=loop attached volumes really appear, as loop devices of this
// machine. See the package backends/ebs/ec2test for what it can be trusted with,
// and --help for its flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/csikit/csikit/backends/ebs/ec2test"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main: 0 after an orderly stop or --help, 1 if serving failed, 2 if the
// flags are wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "ec2test:", err)
		return 2
	}
	s.options.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: s.level}))
	if err := serve(ctx, s, stdout); err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// serve serves until ctx ends, and prints how to use what it serves.
func serve(ctx context.Context, s *settings, stdout io.Writer) (err error) {
	server, err := ec2test.New(s.options)
	if err != nil {
		return err
	}
	defer func() {
		server.Close()
		if s.unplug {
			err = errors.Join(err, server.Unplug())
		}
	}()
	endpoint, err := server.Listen(s.listen)
	if err != nil {
		return err
	}
	metadata := endpoint
	if s.listenIMDS != "" {
		if metadata, err = server.ListenIMDS(s.listenIMDS, ""); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdout, `# EC2 and its metadata service are emulated. Credentials are not checked:
export AWS_REGION=%s AWS_ACCESS_KEY_ID=ec2test AWS_SECRET_ACCESS_KEY=ec2test
export AWS_ENDPOINT_URL_EC2=%s
export AWS_EC2_METADATA_SERVICE_ENDPOINT=%s
`, server.Region(), endpoint, metadata)
	for _, i := range server.Instances() {
		s.options.Logger.Info("instance", "id", i.ID, "name", i.Name, "type", i.Type, "zone", i.Zone)
	}
	if err == nil {
		<-ctx.Done()
	}
	return err
}
