// Package golden is the suite of recorded answers against the ingress of a cluster: what one real Meilisearch 1.50
// answered, three nodes behind Miroir must answer too. Beside the cluster runs one node of the same kind. Where it is the
// node that differs from the recording, the cluster must differ in just the same way; known/<engine>.json lists, with
// reasons, only what Miroir itself does to an answer, and may only shrink.
package golden
