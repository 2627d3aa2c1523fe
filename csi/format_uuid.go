package csi

import "github.com/google/uuid"

// formatUUID is the UUID of the file system of a volume: UUIDv5 of the driver's
// name, a NUL and the volume id, in the namespace that is UUIDv5 of the DNS
// name "fs.csikit.io". It must never change: a half-made file system is known
// as ours by it, on whatever node it is found (contract ruling 21).
func formatUUID(driver, id string) string {
	namespace := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("fs.csikit.io"))
	return uuid.NewSHA1(namespace, []byte(driver+"\x00"+id)).String()
}

// encryptionUUID is the UUID of the volume's encryption, which is not that of
// the file system in it. It must never change either.
func encryptionUUID(driver, id string) string {
	return uuid.NewSHA1(uuid.MustParse(formatUUID(driver, id)), []byte(encryptLUKS2)).String()
}
