// Package tagtext makes tags of cloud resources of texts such as
// "team={{ .PVCNamespace | toUpper }}". The functions are those of
// aws-ebs-csi-driver (pkg/util/template there).
package tagtext
