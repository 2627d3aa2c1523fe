// Package ec2node tells a plugin on which EC2 instance it runs, without
// credentials, and how much can be attached to that.
package ec2node
