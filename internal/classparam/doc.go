// Package classparam reads the parameters of StorageClasses, VolumeSnapshotClasses
// and VolumeAttributesClasses: names in any case of letters, each known or an
// error that lists those that are.
package classparam
