package scale

// Signals of servers of language models, as those report them themselves (vLLM
// and others), and of task queues.
const (
	RunningRequests  = "runningRequests"  // requests that are worked on, of all replicas
	KVCacheUsage     = "kvCacheUsage"     // share of the memory for keys and values in use, 0..1, mean over the replicas
	TokensPerSecond  = "tokensPerSecond"  // tokens generated per second by all replicas
	TimeToFirstToken = "timeToFirstToken" // p95 in seconds, with the distribution
	GPUUtilization   = "gpuUtilization"   // share of the time in which the accelerator did anything at all
)
