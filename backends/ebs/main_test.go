package ebs_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/csikit/csikit/backends/ebs"
	"github.com/csikit/csikit/backends/ebs/ec2test"
	"github.com/csikit/csikit/csi"
)

const (
	gib   = 1 << 30
	node1 = "i-00000000000000001"
	node2 = "i-00000000000000002"
	zoneA = "us-east-1a"
)

// lag is how long the tests' EC2 may lag: short, so that tests are quick.
const lag = 300 * time.Millisecond

// TestMain lets more checks run side by side than there are processors: they
// wait for EC2 more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody has said otherwise
		_ = flag.Set("test.parallel", "8")
	}
	os.Exit(m.Run())
}

// newEC2 is a region with two instances in its first zone.
func newEC2(t testing.TB, edit ...func(*ec2test.Options)) *ec2test.Server {
	t.Helper()
	o := ec2test.Options{Instances: []ec2test.Instance{{ID: node1}, {ID: node2}}}
	for _, f := range edit {
		f(&o)
	}
	s, err := ec2test.New(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// A wire takes requests to EC2 without a network, which would cost more than
// all else; the tests of ec2test have one.
type wire struct{ ec2 *ec2test.Server }

// Do implements [aws.HTTPClient].
func (w wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	type result struct {
		answer *http.Response
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		answer, err := execute(w.ec2, r, body)
		answered <- result{answer, err}
	}()
	select {
	case a := <-answered:
		return a.answer, a.err
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// execute has EC2 answer a request.
func execute(s *ec2test.Server, r *http.Request, body []byte) (answer *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			if failed, ok := p.(error); !ok || !errors.Is(failed, http.ErrAbortHandler) {
				panic(p)
			}
			answer, err = nil, io.ErrUnexpectedEOF // the connection was dropped
		}
	}()
	arrived := r.Clone(context.Background())
	arrived.Body = io.NopCloser(bytes.NewReader(body))
	out := httptest.NewRecorder()
	s.Handler().ServeHTTP(out, arrived)
	return out.Result(), nil
}

func awsConfig(client aws.HTTPClient) aws.Config {
	return aws.Config{Region: "us-east-1", HTTPClient: client, BaseEndpoint: aws.String("http://ec2.test"), Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")}
}

// open makes a backend of the region, as a plugin that has just started.
func open(t testing.TB, s *ec2test.Server, edit ...func(*ebs.Options)) *ebs.Backend {
	t.Helper()
	o := ebs.Options{
		EC2: ebs.NewClient(awsConfig(wire{s})), Consistency: lag, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Metadata: []ebs.MetadataSource{ebs.Fixed{InstanceID: node1, Type: "m5.large", Zone: zoneA, Interfaces: 1, Volumes: 1}},
	}
	for _, f := range edit {
		f(&o)
	}
	b, err := ebs.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func spec(name string, edit ...func(*csi.VolumeSpec)) csi.VolumeSpec {
	s := csi.VolumeSpec{Name: name, Size: csi.SizeRange{Required: gib}, Access: []csi.Access{{Mode: csi.SingleNodeWriter}},
		Topology: csi.TopologyRequirement{Requisite: []csi.Topology{{"topology.ebs.csi.aws.com/zone": zoneA}}}}
	for _, f := range edit {
		f(&s)
	}
	return s
}

func parameters(kv ...string) func(*csi.VolumeSpec) {
	return func(s *csi.VolumeSpec) {
		s.Parameters = map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			s.Parameters[kv[i]] = kv[i+1]
		}
	}
}

func size(bytes int64) func(*csi.VolumeSpec) {
	return func(s *csi.VolumeSpec) { s.Size = csi.SizeRange{Required: bytes} }
}

func create(t testing.TB, b *ebs.Backend, name string, edit ...func(*csi.VolumeSpec)) *csi.Volume {
	t.Helper()
	v, err := b.CreateVolume(t.Context(), spec(name, edit...))
	require.NoError(t, err)
	return v
}

func attachment(volume, node string) csi.Attachment {
	return csi.Attachment{VolumeRef: csi.VolumeRef{ID: volume}, Node: node, Access: csi.Access{Mode: csi.SingleNodeWriter}}
}

// alive are the volumes of the region that were made by a driver.
func alive(s *ec2test.Server) (ids []string) {
	for _, v := range s.Volumes() {
		if v.Tags["CSIVolumeName"] != "" && v.State != "deleting" && v.State != "deleted" {
			ids = append(ids, v.ID)
		}
	}
	return ids
}
