package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/backends/ebs/ec2test/loopdisk"
	"github.com/csikit/csikit/csi"
)

// emulation are the flags of the embedded emulator, or of one that runs
// elsewhere.
type emulation struct {
	dir       string
	speed     float64
	url, disk string
}

func (e *emulation) register(fs *flag.FlagSet) {
	fs.StringVar(&e.dir, "emulate", "", "`directory` of an EC2 that this process emulates, with its volumes as loop devices of this machine, for trials without an account (root)")
	fs.Float64Var(&e.speed, "emulate-speed", 10, "how many `times` faster than EC2 the emulator changes states; 0: at once")
	fs.StringVar(&e.url, "ec2test", "", "`address` of the program ec2test, such as http://10.0.0.1:4566, for trials in a cluster: it is EC2, the metadata service and, on the node plugin's machine, the disks")
	fs.StringVar(&e.disk, "ec2test-links", loopdisk.ByID, "`directory` of the links to its disks")
}

// client makes the backend of an ec2test that runs elsewhere. It knows the
// instance by the node's name. Nothing leads to the real EC2.
func (e emulation) client(o ebs.Options, node string) (csi.Locator, error) {
	base, err := url.Parse(e.url)
	if err != nil || base.Scheme != "http" || base.Host == "" {
		return nil, fmt.Errorf("--ec2test is %q: set it to http://HOST:PORT of a server", e.url)
	}
	metadata := *base
	metadata.User = url.User(node)
	e.use(&o, defaultRegion, base.String(), metadata.String(), e.disk)
	return newBackend(o)
}

// defaultRegion is ec2test's.
const defaultRegion = "us-east-1"

// use makes o work with an emulator, and with nothing else.
func (e emulation) use(o *ebs.Options, region, endpoint, metadata, links string) {
	config := aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("ec2test", "ec2test", "")}
	o.EC2 = ebs.NewClient(config, func(c *ec2.Options) { c.BaseEndpoint = &endpoint })
	o.Metadata = []ebs.MetadataSource{ebs.IMDS(imds.New(imds.Options{Endpoint: metadata, ClientEnableState: imds.ClientEnabled}))}
	o.FindDevice = loopdisk.Find(links)
	o.Consistency = cmp.Or(o.Consistency, 100*time.Millisecond) // its reads do not lag
	o.ReservedVolumes = cmp.Or(o.ReservedVolumes, 1)            // this machine's disks are not the instance's
}

// emulated is a backend with an EC2 of its own.
type emulated struct {
	*ebs.Backend
	server *ec2test.Server
}

// Close leaves volumes attached, as the end of a driver does on EC2: pods go on
// using them, and the next start knows them.
func (e emulated) Close() error {
	err := e.Backend.Close()
	e.server.Close()
	return err
}

// backend makes the backend of an EC2 that is emulated in this process, in which
// this machine is the only instance. Nothing of o, of the environment or of the
// AWS configuration leads to the real one.
func (e emulation) backend(o ebs.Options, services csi.Services) (csi.Locator, error) {
	if services != csi.AllServices {
		return nil, errors.New("--emulate serves one process: leave --mode away, or run the program examples/ebs/ec2test and set AWS_ENDPOINT_URL_EC2")
	}
	server, endpoint, err := e.start(o.Logger)
	if err != nil {
		return nil, err
	}
	e.use(&o, server.Region(), endpoint, endpoint, e.links())
	b, err := ebs.New(o)
	if err != nil {
		server.Close()
		return nil, err
	}
	return emulated{b, server}, nil
}

// start starts the emulator, with the state that its directory has.
func (e emulation) start(log *slog.Logger) (*ec2test.Server, string, error) {
	if !filepath.IsAbs(e.dir) {
		return nil, "", fmt.Errorf("--emulate is %q: set it to the absolute path of a directory", e.dir)
	}
	// One zone, so that this machine reaches volumes whose request names none.
	o := ec2test.Options{Zones: []ec2test.Zone{{Name: "us-east-1a", ID: "use1-az1"}}, StateDir: e.dir, Disks: loopdisk.New(e.links()), Logger: log}
	switch {
	case e.speed < 0:
		return nil, "", fmt.Errorf("--emulate-speed is %v: it must not be negative", e.speed)
	case e.speed > 0:
		o.Timings = ec2test.EC2Timings().Scale(1 / e.speed)
	}
	server, err := ec2test.New(o)
	if err != nil {
		return nil, "", fmt.Errorf("--emulate=%s: %w", e.dir, err)
	}
	endpoint, err := server.Listen("127.0.0.1:0")
	if err != nil {
		server.Close()
		return nil, "", fmt.Errorf("--emulate=%s: %w", e.dir, err)
	}
	log.Warn("EC2 is emulated: volumes are files and loop devices of this machine", "endpoint", endpoint, "directory", e.dir)
	return server, endpoint, nil
}

// links is the directory of the links to loop devices: not udev's, since two
// emulators of one machine must not share it.
func (e emulation) links() string { return filepath.Join(e.dir, "by-id") }
