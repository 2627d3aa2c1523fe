// Package ebs is a backend for Amazon EBS volumes.
package ebs
