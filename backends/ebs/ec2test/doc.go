// Package ec2test is an EC2 for tests: a server that speaks the EC2 Query
// protocol (version 2016-11-15) and IMDSv2 over HTTP and keeps to the rules of
// the real one, as far as EBS volumes go. Any AWS SDK, and any EBS driver, can
// be pointed at it by its endpoint.
//
//	ec2, err := ec2test.NewServer(t, ec2test.Options{})
//	client := awsec2.New(awsec2.Options{BaseEndpoint: aws.String(ec2.URL()), ...})
//
// What it is trusted for:
//
//   - Time. A volume is creating, available, in-use; an attachment attaching,
//     attached, detaching, busy; a modification modifying, optimizing,
//     completed; each as long as [Timings] says, on the clock of
//     [Options].Clock. With a fake clock nothing changes until the test steps
//     it.
//   - Refusals, with EC2's codes and texts: limits of volume types, device
//     names in use, attachments that an instance has no room for, a client
//     token with other parameters, one unknown id in a list, throttling.
//   - Lies. Reads may lag behind writes ([Options].Lag), an answer may be lost
//     after the call was executed ([Fault].Lose), an attachment may hang
//     ([Server.HoldAttachments]), a volume whose key is bad vanishes after it
//     was promised ([Options].BadKeys).
//   - Memory. Every call is logged with its ids and its outcome
//     ([Server.Calls]), and [Server.Volumes] and its like show the truth, not
//     the lagging view that clients get.
//
// Under one [Options].Seed the same sequence of calls gives the same answers,
// ids included. Calls that run side by side are ordered by chance.
//
// It checks no signature and no permission, and it forgets nothing: with
// [Options].StateDir everything survives a restart. Sources of the texts and
// figures are the API reference, the comments of aws-sdk-go-v2/service/ec2
// v1.344.1 and error messages quoted in public issues; where none was found a
// comment says so.
package ec2test
