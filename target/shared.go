package target

// Shared is a target whose replicas every controller sees, whoever made them,
// so that two that look after it would undo each other's work.
//
// Alone says whether this one is certainly the only one, as it is until told
// otherwise. While it is not, Run starts nothing, takes nothing away and puts
// nothing back; Status goes on to say what exists. Alone does not wait.
type Shared interface {
	Alone(yes bool)
}
