// Command gentable brings the table of attachments up to date by what EC2 says
// (DescribeInstanceTypes):
//
//	AWS_PROFILE=... go generate ./internal/ec2node
//
// It needs credentials that allow ec2:DescribeInstanceTypes. No region has all
// types, so name several: REGIONS=us-east-1,eu-central-1 go generate ...
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

func main() {
	file := flag.String("file", "attachments_gen.go", "the table, which is read and written")
	regions := flag.String("regions", os.Getenv("REGIONS"), "regions to ask, with commas between; empty is that of the AWS configuration")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *file, strings.Split(*regions, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "gentable:", err)
		os.Exit(1)
	}
}

// run merges what the regions say into the table of a file.
func run(ctx context.Context, file string, regions []string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	t, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, region := range regions {
		loaded, err := config.LoadDefaultConfig(ctx, func(o *config.LoadOptions) error {
			o.Region = region
			return nil
		})
		if err != nil {
			return err
		}
		if err := t.ask(ctx, ec2.NewFromConfig(loaded)); err != nil {
			return fmt.Errorf("region %q: %w", region, err)
		}
	}
	return os.WriteFile(file, []byte(t.render(time.Now().UTC().Format(time.DateOnly))), 0o644)
}
