package ec2node

// An Instance is what a source knows of the instance of this process.
type Instance struct {
	// InstanceID is i-..., Type such as m5.large, Zone such as us-east-1a;
	// empty if the source does not know.
	InstanceID, Type, Zone string
	// OutpostARN is empty in a region.
	OutpostARN string
	// Interfaces is the number of network interfaces; 0 is not known.
	Interfaces int
	// Volumes is how many EBS volumes the instance was started with, its
	// root among them; -1 is not known.
	Volumes int
}
