package shardmap

// Need is how many complete copies of a shard must acknowledge a write inside one group: ⌊replicas/2⌋+1, or all
// complete copies where fewer are left (spec §1.3). It is 0 when complete is 0, which no write can meet.
func Need(replicas, complete int) int {
	return min(replicas/2+1, complete)
}

// NeedConfigured is the strict form: always ⌊replicas/2⌋+1, however few copies are left.
func NeedConfigured(replicas int) int { return replicas/2 + 1 }
