package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/backends/ebs/ec2test/loopdisk"
)

// settings are what the command line says.
type settings struct {
	options            ec2test.Options
	listen, listenIMDS string
	unplug             bool
	level              slog.Level
}

const usage = `ec2test serves an emulated EC2, as far as EBS volumes go, and the instance
metadata service (IMDSv2). Nothing needs to be set:

  eval "$(ec2test | head -n 4)"      # or copy the lines that it prints
  aws ec2 describe-volumes

Flags:
`

// parse reads the command line. The error is flag.ErrHelp if help was asked for
// and printed.
func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{}
	fs := flag.NewFlagSet("ec2test", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		_, _ = io.WriteString(stderr, usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&s.listen, "listen", "127.0.0.1:4566", "`address` of EC2, and of IMDS at the same one")
	fs.StringVar(&s.listenIMDS, "listen-imds", "", "`address` of IMDS alone, such as 169.254.169.254:80; it is at --listen too")
	fs.StringVar(&s.options.StateDir, "state-dir", "", "`directory` that keeps everything over a restart, images included; empty: memory only")
	disks := fs.String("disks", "none", "`kind` of disks: none, or loop for loop devices of this machine (root, needs --state-dir)")
	links := fs.String("links", loopdisk.ByID, "`directory` of the links to loop devices")
	fs.BoolVar(&s.unplug, "unplug", false, "take the disks away at the end; otherwise they stay attached, as over a restart of the server")
	fs.StringVar(&s.options.Region, "region", "us-east-1", "`name` of the region")
	fs.Func("zone", "`name` of an availability zone, such as us-east-1a; the flag may be repeated; default three of the region", s.zone)
	fs.Var((*instances)(&s.options.Instances), "instance", "an `instance`, such as id=i-0123456789abcdef0,name=worker-1,type=m5.large,zone=us-east-1a; each part is optional, the flag may be repeated; default one m5.large")
	launch := fs.String("launch", "", "`type` of an instance that is launched for each new user name in IMDS requests (http://NODE@address), for the nodes of a cluster; empty: none")
	speed := fs.Float64("speed", 10, "how many `times` faster than EC2 states change; 0: at once")
	latency := fs.Duration("latency", 3*time.Millisecond, "`duration` of each call")
	fs.DurationVar(&s.options.Lag.Max, "lag", 0, "the longest `duration` for which a change stays invisible to describing calls")
	throttle := fs.Bool("throttle", false, "limit the rate of calls as EC2 does by default")
	fs.Uint64Var(&s.options.Seed, "seed", 0, "`number` that all ids and durations depend on")
	fs.TextVar(&s.level, "log-level", slog.LevelInfo, "`level`: debug has a line for each call")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	s.options.Latency = ec2test.Constant(*latency)
	if *speed > 0 {
		s.options.Timings = ec2test.EC2Timings().Scale(1 / *speed)
	}
	if *throttle {
		s.options.Buckets = ec2test.EC2Buckets()
	}
	if *launch != "" {
		s.options.Launch = &ec2test.Instance{Type: *launch}
	}
	return s, s.disks(*disks, *links)
}

func (s *settings) zone(name string) error {
	id := fmt.Sprintf("az%d", len(s.options.Zones)+1)
	s.options.Zones = append(s.options.Zones, ec2test.Zone{Name: name, ID: id})
	return nil
}

func (s *settings) disks(kind, links string) error {
	switch kind {
	case "none":
		return nil
	case "loop":
		if s.options.StateDir == "" {
			return errors.New("--disks=loop needs --state-dir for the images of the volumes")
		}
		s.options.Disks = loopdisk.New(links)
		return nil
	}
	return fmt.Errorf("--disks=%s: it must be none or loop", kind)
}

// instances are the values of --instance.
type instances []ec2test.Instance

// String implements [flag.Value].
func (l *instances) String() string { return "" }

// Set implements [flag.Value].
func (l *instances) Set(text string) error {
	var i ec2test.Instance
	for _, part := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "id":
			i.ID = value
		case "name":
			i.Name = value
		case "type":
			i.Type = value
		case "zone":
			i.Zone = value
		default:
			return fmt.Errorf("%q: the parts are id=, name=, type=, zone=", part)
		}
	}
	*l = append(*l, i)
	return nil
}
