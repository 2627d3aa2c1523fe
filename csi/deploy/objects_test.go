package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/csikit/csikit/csi"
)

// A synthetic driver has the abilities that it is given.
type synthetic struct {
	name   string
	offers []string
	traits csi.Traits
}

func (s synthetic) Name() string               { return s.name }
func (s synthetic) Offers(ability string) bool { return slices.Contains(s.offers, ability) }
func (s synthetic) Traits() csi.Traits         { return s.traits }

var (
	cloud = synthetic{"cloud.csi.example.com", []string{
		canProvision, canAttach, canExpand, canModify, canSnapshot, canDescribeNode, "VolumeLister", "SnapshotLister", "Prober",
	}, csi.Traits{TopologyKeys: []string{"topology.cloud.example.com/zone"}}}
	disks = synthetic{"disks.csi.example.com", []string{
		canProvision, canExpandOnNode, canModify, canSnapshot, canClone, canCapacity, canDescribeNode, canEphemeral, canHealth, canTrackChanges,
	}, csi.Traits{TopologyKeys: []string{"topology.disks.example.com/node"}}}
	shares = synthetic{"shares.csi.example.com", []string{canProvision}, csi.Traits{Block: []csi.AccessMode{}}}
	vault  = synthetic{"vault.csi.example.com", []string{canEphemeral, "Populator"}, csi.Traits{Block: []csi.AccessMode{}, PerPod: true}}
	future = synthetic{"future.csi.example.com", []string{canProvision, canHealth, canTrackChanges, canSnapshot}, csi.Traits{}}
)

var configs = map[string]Config{
	cloud.name:  {Image: "cloud:v1", Hints: Hints{NodeArgs: []string{"--node-name=$(NODE_NAME)"}}},
	disks.name:  {Image: "disks:v1", Hints: Hints{NodeLocal: true, Args: []string{"--pool=/p"}, HostPaths: []string{"/p"}, Samples: Samples{StaticHandle: "NODE/x"}}},
	shares.name: {Image: "shares:v1", Hints: Hints{ClassSecrets: true}},
	vault.name:  {Image: "vault:v1", Hints: Hints{TokenAudiences: []string{"vault"}, Republish: true, HostNetwork: true, HealthPort: 9900}},
	future.name: {Image: "future:v1", Sidecars: map[string]string{healthMonitor: "v9.9.9"}},
}

var drivers = []synthetic{cloud, disks, shares, vault, future}

func objects(t *testing.T, d synthetic) []Object {
	t.Helper()
	out, err := Objects(d, configs[d.name])
	require.NoError(t, err)
	return out
}

// one returns the only object of its type and name.
func one[T Object](t *testing.T, all []Object, name string) T {
	t.Helper()
	for _, o := range all {
		if found, ok := o.(T); ok && o.GetName() == name {
			return found
		}
	}
	var none T
	t.Fatalf("there is no %T %s", none, name)
	return none
}

func containers(pod corev1.PodTemplateSpec) (names []string) {
	for _, c := range pod.Spec.Containers {
		names = append(names, c.Name)
	}
	return names
}

func TestThePodsHaveExactlyTheSidecarsThatTheCapabilitiesNeed(t *testing.T) {
	for _, c := range []struct {
		driver           synthetic
		node, controller []string
	}{
		{cloud, []string{"driver"}, []string{"driver", provisioner, attacher, resizer, snapshotter}},
		{disks, []string{"driver", provisioner, snapshotter}, []string{"driver", resizer}},
		{shares, []string{"driver"}, []string{"driver", provisioner}},
		{vault, []string{"driver"}, nil},
		{future, []string{"driver"}, []string{"driver", provisioner, snapshotter, healthMonitor, snapshotMetadata}},
	} {
		t.Run(c.driver.name, func(t *testing.T) {
			all, name := objects(t, c.driver), objectName(c.driver.name)
			node := one[*appsv1.DaemonSet](t, all, name+"-node")
			assert.Equal(t, c.node, containers(node.Spec.Template))
			assert.Equal(t, len(c.node) > 1, *node.Spec.Template.Spec.AutomountServiceAccountToken, "the driver needs no API access")
			if c.controller != nil {
				assert.Equal(t, c.controller, containers(one[*appsv1.Deployment](t, all, name+"-controller").Spec.Template))
			} else {
				assert.False(t, slices.ContainsFunc(all, func(o Object) bool { return o.GetName() == name+"-controller" }))
			}
		})
	}
}

// No health monitor is known that works with CSI v1.13: who has one names it.
func TestTheHealthMonitorIsThereOnlyIfItIsNamed(t *testing.T) {
	all, err := Objects(future, Config{Image: "future:v1"})
	require.NoError(t, err)
	controller := one[*appsv1.Deployment](t, all, objectName(future.name)+"-controller").Spec.Template
	assert.NotContains(t, containers(controller), healthMonitor)
	assert.False(t, slices.ContainsFunc(all, func(o Object) bool { return strings.Contains(o.GetName(), "health-monitor") }), "nor its permissions")
	chart, err := Files(future, Config{Image: "future:v1"}, Helm)
	require.NoError(t, err)
	assert.NotContains(t, chart["templates/driver.yaml"], "health-monitor")
	named := one[*appsv1.Deployment](t, objects(t, future), objectName(future.name)+"-controller").Spec.Template
	assert.Contains(t, containers(named), healthMonitor)
}

// TestTheNodePluginMayOnlyWhatIsSwitchedOn: without the taint and the hook it has
// no token.
func TestTheNodePluginMayOnlyWhatIsSwitchedOn(t *testing.T) {
	const name = "cloud-csi-example-com-node"
	of := func(c Config) (*appsv1.DaemonSet, []rbacv1.PolicyRule) {
		c.Image, c.Hints = "cloud:v1", configs[cloud.name].Hints
		all, err := Objects(cloud, c)
		require.NoError(t, err)
		set := one[*appsv1.DaemonSet](t, all, name)
		if !slices.ContainsFunc(all, func(o Object) bool { _, ok := o.(*rbacv1.ClusterRole); return ok && o.GetName() == name }) {
			return set, nil
		}
		assert.Equal(t, name, one[*rbacv1.ClusterRoleBinding](t, all, name).Subjects[0].Name)
		return set, one[*rbacv1.ClusterRole](t, all, name).Rules
	}
	set, rules := of(Config{})
	assert.Nil(t, rules)
	assert.False(t, *set.Spec.Template.Spec.AutomountServiceAccountToken)
	assert.Nil(t, set.Spec.Template.Spec.Containers[0].Lifecycle)
	assert.Nil(t, set.Spec.Template.Spec.TerminationGracePeriodSeconds)

	set, rules = of(Config{RemoveTaint: true})
	assert.Equal(t, []rbacv1.PolicyRule{rule("", "nodes", "watch", "patch"), rule(storageGroup, "csinodes", "get")}, rules)
	assert.True(t, *set.Spec.Template.Spec.AutomountServiceAccountToken)
	assert.Nil(t, set.Spec.Template.Spec.Containers[0].Lifecycle)

	set, rules = of(Config{DrainTimeout: 90 * time.Second})
	assert.Equal(t, []rbacv1.PolicyRule{rule("", "nodes", "get"), rule(storageGroup, "volumeattachments", "get", "list", "watch")}, rules)
	assert.True(t, *set.Spec.Template.Spec.AutomountServiceAccountToken)
	assert.EqualValues(t, 120, *set.Spec.Template.Spec.TerminationGracePeriodSeconds, "the driver has time to stop after the hook")
	assert.Equal(t, []string{"/proc/1/exe", "pre-stop", "--timeout=1m30s"}, set.Spec.Template.Spec.Containers[0].Lifecycle.PreStop.Exec.Command)

	all, err := Objects(shares, Config{Image: "s:v1", RemoveTaint: true})
	require.NoError(t, err)
	driver := one[*appsv1.DaemonSet](t, all, "shares-csi-example-com-node").Spec.Template.Spec.Containers[0]
	assert.Contains(t, driver.Args, "--node-name=$(NODE_NAME)")
	assert.Contains(t, driver.Env, fieldEnv("NODE_NAME", "spec.nodeName"))
	_, err = Objects(shares, Config{Image: "s:v1", DrainTimeout: time.Millisecond})
	require.ErrorContains(t, err, "want whole seconds")
}

func TestCSIDriverFollowsTheCapabilities(t *testing.T) {
	spec := func(d synthetic) storagev1.CSIDriverSpec {
		return one[*storagev1.CSIDriver](t, objects(t, d), d.name).Spec
	}
	both := []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent, storagev1.VolumeLifecycleEphemeral}

	s := spec(cloud)
	assert.Equal(t, []bool{true, false, false, true, false}, []bool{*s.AttachRequired, *s.PodInfoOnMount, *s.StorageCapacity, *s.SELinuxMount, *s.RequiresRepublish})
	assert.Equal(t, storagev1.FileFSGroupPolicy, *s.FSGroupPolicy)
	assert.Equal(t, both[:1], s.VolumeLifecycleModes)
	assert.EqualValues(t, 60, *s.NodeAllocatableUpdatePeriodSeconds, "ruling 38")

	s = spec(disks)
	assert.Equal(t, []bool{false, true, true, true, false}, []bool{*s.AttachRequired, *s.PodInfoOnMount, *s.StorageCapacity, *s.SELinuxMount, *s.RequiresRepublish})
	assert.Equal(t, both, s.VolumeLifecycleModes, "ruling 30")
	assert.Nil(t, s.NodeAllocatableUpdatePeriodSeconds)

	s = spec(shares)
	assert.Equal(t, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy, *s.FSGroupPolicy)
	assert.False(t, *s.SELinuxMount)
	mountGroup := synthetic{"g.example.com", nil, csi.Traits{Block: []csi.AccessMode{}, MountGroup: true}}
	policy := one[*storagev1.CSIDriver](t, must(Objects(mountGroup, Config{Image: "g:v1"})), mountGroup.name).Spec.FSGroupPolicy
	assert.Equal(t, storagev1.NoneFSGroupPolicy, *policy, "ruling 31")

	s = spec(vault)
	assert.True(t, *s.RequiresRepublish)
	assert.Equal(t, []storagev1.TokenRequest{{Audience: "vault"}}, s.TokenRequests)
}

func must(objects []Object, err error) []Object {
	if err != nil {
		panic(err)
	}
	return objects
}

func TestTheNodePluginIsSetUpForMounts(t *testing.T) {
	set := one[*appsv1.DaemonSet](t, objects(t, cloud), "cloud-csi-example-com-node")
	pod, c := set.Spec.Template.Spec, set.Spec.Template.Spec.Containers[0]
	assert.True(t, *c.SecurityContext.Privileged)
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	assert.Equal(t, "system-node-critical", pod.PriorityClassName)
	assert.Zero(t, set.Spec.UpdateStrategy.RollingUpdate.MaxSurge.IntValue(), "two plugins would work on the same volumes")
	assert.False(t, pod.HostNetwork)
	mounts := map[string]corev1.VolumeMount{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m
	}
	require.Equal(t, corev1.MountPropagationBidirectional, *mounts["kubelet"].MountPropagation)
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			assert.Equal(t, v.HostPath.Path, mounts[v.Name].MountPath, "the kubelet and the driver tell each other paths")
		}
		if v.Name == "run" {
			assert.NotNil(t, v.EmptyDir)
		}
		assert.False(t, v.HostPath != nil && strings.HasPrefix(v.HostPath.Path, "/var/lib/kubelet/") && mounts[v.Name].Name != "",
			"a mount below the Bidirectional one would appear on the node, once more at each start")
	}
	assert.Contains(t, c.Args, "--kubelet-dir=/var/lib/kubelet")
	assert.Contains(t, c.Env, corev1.EnvVar{Name: "GOMEMLIMIT", Value: heapGoal})
	assert.NotContains(t, strings.Join(c.Args, " "), "--node-id", "the driver knows its node")
	assert.Contains(t, c.Args, "--node-name=$(NODE_NAME)")
	assert.Contains(t, c.Env, fieldEnv("NODE_NAME", "spec.nodeName"), "what the flag is made of")
	assert.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)

	controller := one[*appsv1.Deployment](t, objects(t, cloud), "cloud-csi-example-com-controller").Spec.Template.Spec.Containers[0]
	assert.NotContains(t, strings.Join(controller.Args, " "), "--node-name")

	host := one[*appsv1.DaemonSet](t, objects(t, vault), "vault-csi-example-com-node").Spec.Template.Spec
	assert.True(t, host.HostNetwork)
	assert.Contains(t, host.Containers[0].Args, "--http-address=:9900", "a port of its own on the node")
}

func TestNodeLocalDriversHaveTheFlagsOfNodeDeployment(t *testing.T) {
	all := objects(t, disks)
	node := one[*appsv1.DaemonSet](t, all, "disks-csi-example-com-node").Spec.Template.Spec
	assert.Subset(t, node.Containers[0].Args, []string{"--mode=all", "--node-id=$(NODE_NAME)", "--pool=/p"})
	assert.Subset(t, node.Containers[1].Args, []string{"--node-deployment", "--strict-topology", "--immediate-topology=false", "--enable-capacity", "--capacity-ownerref-level=1"})
	assert.NotContains(t, node.Containers[1].Args, "--leader-election")
	assert.Contains(t, node.Containers[2].Args, "--node-deployment")
	assert.NotContains(t, node.Containers[2].Args, "--leader-election", "the snapshotter refuses both")
	central := one[*appsv1.Deployment](t, all, "disks-csi-example-com-controller").Spec.Template.Spec
	assert.Subset(t, central.Containers[0].Args, []string{"--mode=controller", "--disable=Modifier,Prober"})
	assert.True(t, *central.SecurityContext.RunAsNonRoot)
}

// Whatever refers to something in the manifests must find it there.
func TestTheObjectsFitTogether(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			all, seen := objects(t, d), map[string]bool{}
			for _, o := range all {
				id := o.GetObjectKind().GroupVersionKind().String() + o.GetName()
				assert.False(t, seen[id], id)
				seen[id] = true
				switch o := o.(type) {
				case *appsv1.Deployment:
					checkPod(t, all, o.Spec.Selector.MatchLabels, o.Spec.Template)
				case *appsv1.DaemonSet:
					checkPod(t, all, o.Spec.Selector.MatchLabels, o.Spec.Template)
				case *rbacv1.ClusterRoleBinding:
					one[*rbacv1.ClusterRole](t, all, o.RoleRef.Name)
					one[*corev1.ServiceAccount](t, all, o.Subjects[0].Name)
				case *rbacv1.RoleBinding:
					one[*rbacv1.Role](t, all, o.RoleRef.Name)
					one[*corev1.ServiceAccount](t, all, o.Subjects[0].Name)
				}
			}
		})
	}
}

func checkPod(t *testing.T, all []Object, selector map[string]string, pod corev1.PodTemplateSpec) {
	t.Helper()
	assert.Subset(t, pod.Labels, selector)
	one[*corev1.ServiceAccount](t, all, pod.Spec.ServiceAccountName)
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range pod.Spec.Containers {
		for _, m := range c.VolumeMounts {
			assert.True(t, volumes[m.Name], "%s mounts %s", c.Name, m.Name)
		}
		assert.Regexp(t, `:[A-Za-z0-9.-]+$`, c.Image)
		assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, c.Name)
		if c.Name != "driver" {
			assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, c.Name)
		}
	}
}

func TestPermissionsAreThoseOfTheCapabilities(t *testing.T) {
	may := func(d synthetic, role, resource string) (verbs []string) {
		for _, r := range one[*rbacv1.ClusterRole](t, objects(t, d), role).Rules {
			if slices.Contains(r.Resources, resource) {
				verbs = append(verbs, r.Verbs...)
			}
			assert.NotContains(t, r.Verbs, "*")
			assert.NotContains(t, r.Resources, "*")
		}
		return verbs
	}
	assert.NotEmpty(t, may(cloud, "cloud-csi-example-com-provisioner", "volumeattachments"))
	assert.NotEmpty(t, may(cloud, "cloud-csi-example-com-provisioner", "nodes"))
	assert.Empty(t, may(disks, "disks-csi-example-com-provisioner", "volumeattachments"))
	assert.Empty(t, may(disks, "disks-csi-example-com-provisioner", "nodes"), "it knows its node from the driver")
	assert.Empty(t, may(shares, "shares-csi-example-com-provisioner", "volumesnapshots"))
	assert.Equal(t, []string{"get", "list"}, may(shares, "shares-csi-example-com-provisioner", "secrets"))
	assert.Empty(t, may(cloud, "cloud-csi-example-com-provisioner", "secrets"), "no class names one")
}

// The names of interfaces are strings here: those that package csi has today
// must be spelt as there.
func TestAbilitiesAreSpeltAsInPackageCSI(t *testing.T) {
	for _, ability := range []string{canProvision, canAttach, canExpand, canExpandOnNode, canModify, canSnapshot, canClone, canCapacity, canEphemeral, canDescribeNode} {
		_, err := csi.New("d.example.com", locator{}, &csi.Options{Disable: []string{ability}})
		assert.NoError(t, err)
	}
}

type locator struct{ csi.Locator }

// Group snapshots need CRDs, without which the sidecar stands still: they are
// never turned on unasked.
func TestGroupSnapshotsAreTurnedOnByTheOperator(t *testing.T) {
	group := cloud
	group.offers = append(slices.Clone(cloud.offers), canGroup)
	config := configs[cloud.name]
	for _, on := range []bool{false, true} {
		config.GroupSnapshots = on
		all, err := Objects(group, config)
		require.NoError(t, err)
		pod := one[*appsv1.Deployment](t, all, "cloud-csi-example-com-controller").Spec.Template.Spec
		i := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == snapshotter })
		assert.Equal(t, on, slices.Contains(pod.Containers[i].Args, "--feature-gates=CSIVolumeGroupSnapshot=true"))
		rules := 0
		for _, o := range all {
			if r, ok := o.(*rbacv1.ClusterRole); ok {
				for _, rule := range r.Rules {
					if slices.Contains(rule.APIGroups, groupGroup) {
						rules++
					}
				}
			}
		}
		assert.Equal(t, on, rules == 3, "%d rules", rules)
	}
	_, err := Objects(cloud, config)
	require.ErrorContains(t, err, "no group snapshots")
}
