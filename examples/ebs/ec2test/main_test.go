package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/stretchr/testify/require"
)

// start runs the program and returns the variables that it prints, and how to
// stop it.
func start(t *testing.T, args ...string) (vars map[string]string, stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append(args, "--listen=127.0.0.1:0"), w, t.Output())
		_ = w.Close()
	}()
	vars = map[string]string{}
	for lines := bufio.NewScanner(r); len(vars) < 5 && lines.Scan(); {
		for _, word := range strings.Fields(lines.Text()) {
			if k, v, ok := strings.Cut(word, "="); ok {
				vars[k] = v
			}
		}
	}
	return vars, func() int { cancel(); return <-code }
}

func client(vars map[string]string) *ec2.Client {
	return ec2.New(ec2.Options{Region: vars["AWS_REGION"], BaseEndpoint: aws.String(vars["AWS_ENDPOINT_URL_EC2"]),
		Credentials: credentials.NewStaticCredentialsProvider(vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"], "")})
}

// TestProgramKeepsItsState: what it prints is all that a client needs, and a
// volume outlives the process.
func TestProgramKeepsItsState(t *testing.T) {
	args := []string{"--state-dir=" + t.TempDir(), "--speed=0", "--latency=0", "--instance=name=worker-1,zone=us-east-1b", "--zone=us-east-1a", "--zone=us-east-1b"}
	vars, stop := start(t, args...)
	made, err := client(vars).CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1b"), Size: aws.Int32(1)})
	require.NoError(t, err)
	require.Equal(t, 0, stop())

	vars, stop = start(t, args...)
	out, err := client(vars).DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*made.VolumeId}})
	require.NoError(t, err)
	require.Equal(t, "us-east-1b", *out.Volumes[0].AvailabilityZone)
	nodes, err := client(vars).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	require.NoError(t, err)
	require.Len(t, nodes.Reservations, 1, "the instance of the first run")
	require.Equal(t, 0, stop())
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"--disks=loop"}, {"--disks=floppy"}, {"extra"}, {"--instance=color=red"}, {"--speed=fast"}} {
		require.Equal(t, 2, run(t.Context(), args, io.Discard, t.Output()), args)
	}
	require.Equal(t, 0, run(t.Context(), []string{"--help"}, io.Discard, t.Output()))
	require.Equal(t, 1, run(t.Context(), []string{"--listen=nowhere:0", "--instance=type=none"}, io.Discard, t.Output()))
}
