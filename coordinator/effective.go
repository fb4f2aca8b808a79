package coordinator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/miroir-search/miroir/coordinator/workflow/antientropy"
)

// effective is how this coordinator runs, as the admin API shows it: keys are named as flags are, secrets are fingerprints.
func (c config) effective() map[string]any {
	return map[string]any{
		"id": c.id, "cluster": c.cluster, "etcd": c.etcd, "etcd_prefix": c.prefix,
		"admin_listen": c.admin, "admin_advertise": c.advertise, "xds_listen": c.xds, "metrics_listen": c.metrics,
		"ingress_listen": c.ingress.String(), "ingress_url": c.ingressURL, "extproc_socket": strings.Join(c.sockets, ","), "dump_dir": c.dumpDir,
		"dump_allowed_url_hosts": fields(c.dumpHosts),
		"new_cluster":            map[string]int{"groups": c.shape.Groups, "replicas": c.shape.Replicas, "shards": c.shape.Shards},
		"anti_entropy":           (&antientropy.AntiEntropy{Config: c.entropy}).Schedule(),
		"webhooks":               map[string]any{"allowed_networks": c.hookNetworks, "keep": c.hookKeep.String(), "command_line": c.hook != nil},
		"write_arrival":          c.arrival.String(),
		"secrets": map[string]string{
			"node_master_key": fingerprint(c.nodeKey), "admin_api_key": fingerprint(c.adminKey), "master_key": fingerprint(c.masterKey),
			"state_seal_key": c.seal.Fingerprint(),
		},
	}
}

// fingerprint is what tells one secret from another and says nothing about either (SE-3); empty for none.
func fingerprint(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:4])
}
